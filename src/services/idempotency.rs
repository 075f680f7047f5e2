//! Creations that a client may repeat without their happening twice (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
//!
//! The answer is kept in the transaction that creates, so there is no moment in which the one is there without the other: whoever
//! repeats a request, at once or within a day, gets the answer of the first. What was refused is not kept; it left nothing behind.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::database::DbConnection;
use crate::models::PrincipalId;
use crate::redacted::redact_debug;
use crate::repositories::idempotency_keys::{self, KeptResponse};

use super::{Actor, Failure};

/// How long an answer is kept.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// A creation asked for by a client.
pub struct Once<T> {
    /// The client's name for this very request; without one, every request counts.
    pub key: Option<String>,
    /// What is asked for: a key means nothing to another operation.
    pub operation: &'static str,
    /// A hash of the request's body.
    pub request_hash: String,
    /// What the client is told of the creation.
    pub answer: fn(&T) -> Value,
}

/// What the client is told, now as the first time.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// What was created.
    pub id: PrincipalId,
    /// Its version then.
    pub version: i64,
    /// The body.
    pub body: String,
}

redact_debug!(StoredResponse);

impl<T> Once<T> {
    /// Does `create`, unless it was done under this key; fails with [`Failure::KeyReused`] when the key came with another request.
    pub(super) fn run(
        &self,
        conn: &mut DbConnection,
        actor: &Actor,
        now: DateTime<Utc>,
        identify: fn(&T) -> (PrincipalId, i64),
        create: impl FnOnce(&mut DbConnection) -> Result<T, Failure>,
    ) -> Result<StoredResponse, Failure> {
        let (Some(key), Some(caller)) = (&self.key, actor.principal()) else {
            return Ok(self.told(identify, &create(conn)?));
        };
        let caller = caller.to_string();
        idempotency_keys::delete_old(conn, (now - KEPT_FOR).into())?;
        if let Some(kept) = idempotency_keys::find(conn, &caller, self.operation, key)? {
            return self.repeated(kept);
        }
        let StoredResponse { id, version, body } = self.told(identify, &create(conn)?);
        let kept = KeptResponse {
            caller,
            operation: self.operation.to_owned(),
            key: key.clone(),
            request_hash: self.request_hash.clone(),
            created_id: id,
            version,
            answer: body.clone(),
            answered_at: now.into(),
        };
        idempotency_keys::insert(conn, &kept)?;
        Ok(StoredResponse { id, version, body })
    }

    fn told(&self, identify: fn(&T) -> (PrincipalId, i64), created: &T) -> StoredResponse {
        let (id, version) = identify(created);
        StoredResponse { id, version, body: (self.answer)(created).to_string() }
    }

    fn repeated(&self, kept: KeptResponse) -> Result<StoredResponse, Failure> {
        if kept.request_hash == self.request_hash {
            Ok(StoredResponse { id: kept.created_id, version: kept.version, body: kept.answer })
        } else {
            Err(Failure::KeyReused)
        }
    }
}
