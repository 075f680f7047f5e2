//! Idempotent creations (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
//!
//! The response is stored in the transaction that creates the resource, so neither exists without the other: a request repeated within
//! a day gets the response of the first. A refusal is not stored, as it changed nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::database::DbConnection;
use crate::models::PrincipalId;
use crate::redacted::redact_debug;
use crate::repositories::idempotency_keys::{self, KeptResponse};

use super::{Actor, Failure};

/// How long a response is stored.
const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// A creation requested by a client.
pub struct Once<T> {
    /// The client's key for this request; without one, every request creates.
    pub key: Option<String>,
    /// The operation. Keys of different operations are independent.
    pub operation: &'static str,
    /// A hash of the request's body.
    pub request_hash: String,
    /// Renders the response body from the created resource.
    pub answer: fn(&T) -> Value,
}

/// The response to a creation, the same for every repetition.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The id of the created principal.
    pub id: PrincipalId,
    /// The version at creation.
    pub version: i64,
    /// The response body.
    pub body: String,
}

redact_debug!(StoredResponse);

impl<T> Once<T> {
    /// Runs `create`, or returns the stored response of this key. Fails with [`Failure::KeyReused`] when the key was used for another
    /// request.
    pub(super) fn run(
        &self,
        conn: &mut DbConnection,
        actor: &Actor,
        now: DateTime<Utc>,
        identify: fn(&T) -> (PrincipalId, i64),
        create: impl FnOnce(&mut DbConnection) -> Result<T, Failure>,
    ) -> Result<StoredResponse, Failure> {
        let (Some(key), Some(caller)) = (&self.key, actor.principal()) else {
            return Ok(self.response(identify, &create(conn)?));
        };
        let caller = caller.to_string();
        idempotency_keys::delete_old(conn, (now - KEPT_FOR).into())?;
        if let Some(stored) = idempotency_keys::find(conn, &caller, self.operation, key)? {
            return self.repeated(stored);
        }
        let StoredResponse { id, version, body } = self.response(identify, &create(conn)?);
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

    fn response(&self, identify: fn(&T) -> (PrincipalId, i64), created: &T) -> StoredResponse {
        let (id, version) = identify(created);
        StoredResponse { id, version, body: (self.answer)(created).to_string() }
    }

    fn repeated(&self, stored: KeptResponse) -> Result<StoredResponse, Failure> {
        if stored.request_hash == self.request_hash {
            Ok(StoredResponse { id: stored.created_id, version: stored.version, body: stored.answer })
        } else {
            Err(Failure::KeyReused)
        }
    }
}
