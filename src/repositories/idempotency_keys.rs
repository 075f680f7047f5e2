//! Answers kept for requests that carried an `Idempotency-Key`.

use diesel::prelude::*;

use crate::database::{DbConnection, MultiBackend};
use crate::models::{Moment, PrincipalId};
use crate::redacted::redact_debug;
use crate::schema::idempotency_keys;

/// A kept answer.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, check_for_backend(MultiBackend))]
pub struct KeptResponse {
    /// Who asked.
    pub caller: String,
    /// For what.
    pub operation: String,
    /// Under which key.
    pub key: String,
    /// SHA-256 of what was asked.
    pub request_hash: String,
    /// What was made.
    pub created_id: PrincipalId,
    /// Its version in the answer.
    pub version: i64,
    /// The answer's body.
    pub answer: String,
    /// When it was given.
    pub answered_at: Moment,
}

redact_debug!(KeptResponse);

/// The answer kept for this key of this caller, if there is one.
pub fn find(conn: &mut DbConnection, caller: &str, operation: &str, key: &str) -> QueryResult<Option<KeptResponse>> {
    idempotency_keys::table.find((caller, operation, key)).select(KeptResponse::as_select()).get_result(conn).optional()
}

/// Keeps an answer. Fails with a unique violation when one is kept for the key.
pub fn insert(conn: &mut DbConnection, answer: &KeptResponse) -> QueryResult<()> {
    diesel::insert_into(idempotency_keys::table).values(answer).execute(conn)?;
    Ok(())
}

/// Forgets the answers given at `before` or earlier.
pub fn delete_old(conn: &mut DbConnection, before: Moment) -> QueryResult<()> {
    diesel::delete(idempotency_keys::table.filter(idempotency_keys::answered_at.le(before))).execute(conn)?;
    Ok(())
}
