//! Stored responses of requests with an `Idempotency-Key`.

use diesel::prelude::*;

use crate::database::{DbConnection, MultiBackend};
use crate::models::{Moment, PrincipalId};
use crate::redacted::redact_debug;
use crate::schema::idempotency_keys;

/// A stored response.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, check_for_backend(MultiBackend))]
pub struct KeptResponse {
    /// The caller.
    pub caller: String,
    /// The operation.
    pub operation: String,
    /// The idempotency key.
    pub key: String,
    /// The SHA-256 hash of the request.
    pub request_hash: String,
    /// The id of the created resource.
    pub created_id: PrincipalId,
    /// The version of the resource in the response.
    pub version: i64,
    /// The response body.
    pub answer: String,
    /// The time of the response.
    pub answered_at: Moment,
}

redact_debug!(KeptResponse);

/// Returns the stored response for this caller, operation and key, if any.
pub fn find(conn: &mut DbConnection, caller: &str, operation: &str, key: &str) -> QueryResult<Option<KeptResponse>> {
    idempotency_keys::table.find((caller, operation, key)).select(KeptResponse::as_select()).get_result(conn).optional()
}

/// Stores a response. Fails with a unique violation if the key has one already.
pub fn insert(conn: &mut DbConnection, response: &KeptResponse) -> QueryResult<()> {
    diesel::insert_into(idempotency_keys::table).values(response).execute(conn)?;
    Ok(())
}

/// Deletes the responses given at `before` or earlier.
pub fn delete_old(conn: &mut DbConnection, before: Moment) -> QueryResult<()> {
    diesel::delete(idempotency_keys::table.filter(idempotency_keys::answered_at.le(before))).execute(conn)?;
    Ok(())
}
