//! Browser sessions.

use diesel::prelude::*;

use crate::database::DbConnection;
use crate::models::{Moment, PrincipalId, Session, SessionRenewal};
use crate::schema::sessions;

/// Inserts a session.
pub fn insert(conn: &mut DbConnection, session: &Session) -> QueryResult<()> {
    diesel::insert_into(sessions::table).values(session).execute(conn)?;
    Ok(())
}

/// Returns the session whose cookie token has this hash, if any.
pub fn find_by_token(conn: &mut DbConnection, token_hash: &str) -> QueryResult<Option<Session>> {
    sessions::table.filter(sessions::token_hash.eq(token_hash)).select(Session::as_select()).get_result(conn).optional()
}

/// Returns the sessions of a principal, oldest first.
pub fn list(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<Vec<Session>> {
    sessions::table
        .filter(sessions::principal_id.eq(principal))
        .order(sessions::id)
        .select(Session::as_select())
        .load(conn)
}

/// Leases a session for its renewal at the issuer. Returns whether the lease was free and the session was last confirmed at `proved_at`.
pub fn lease(conn: &mut DbConnection, id: &str, proved_at: Moment, now: Moment, until: Moment) -> QueryResult<bool> {
    let free = sessions::table
        .find(id)
        .filter(sessions::proved_at.eq(proved_at))
        .filter(sessions::leased_until.is_null().or(sessions::leased_until.le(now)));
    Ok(diesel::update(free).set(sessions::leased_until.eq(until)).execute(conn)? > 0)
}

/// Stores a renewal and ends the lease. Returns whether the session still exists.
pub fn renew(conn: &mut DbConnection, id: &str, renewal: &SessionRenewal) -> QueryResult<bool> {
    let renewed = diesel::update(sessions::table.find(id))
        .set((renewal, sessions::leased_until.eq(None::<Moment>)))
        .execute(conn)?;
    Ok(renewed > 0)
}

/// Sets the time of the last use of a session.
pub fn touch(conn: &mut DbConnection, id: &str, now: Moment) -> QueryResult<()> {
    diesel::update(sessions::table.find(id)).set(sessions::last_used_at.eq(now)).execute(conn)?;
    Ok(())
}

/// Deletes the session whose cookie token has this hash. Returns whether it existed.
pub fn delete_by_token(conn: &mut DbConnection, token_hash: &str) -> QueryResult<bool> {
    Ok(diesel::delete(sessions::table.filter(sessions::token_hash.eq(token_hash))).execute(conn)? > 0)
}

/// Deletes one session of a principal. Returns whether it existed.
pub fn delete(conn: &mut DbConnection, principal: PrincipalId, id: &str) -> QueryResult<bool> {
    let own = sessions::table.find(id).filter(sessions::principal_id.eq(principal));
    Ok(diesel::delete(own).execute(conn)? > 0)
}

/// Deletes all sessions of a principal. Returns their number.
pub fn delete_all(conn: &mut DbConnection, principal: PrincipalId) -> QueryResult<usize> {
    diesel::delete(sessions::table.filter(sessions::principal_id.eq(principal))).execute(conn)
}

/// Deletes the sessions that belong to one session at the issuer and began at `until` or earlier, by the issuer's clock. If
/// `provider_subject` is given, only those of that subject. Returns their number.
pub fn delete_by_provider_session(
    conn: &mut DbConnection,
    issuer: &str,
    provider_session: &str,
    provider_subject: Option<&str>,
    until: Moment,
) -> QueryResult<usize> {
    let named = sessions::table
        .filter(sessions::issuer.eq(issuer))
        .filter(sessions::provider_session.eq(provider_session))
        .filter(sessions::signed_in_at.le(until));
    match provider_subject {
        None => diesel::delete(named).execute(conn),
        Some(subject) => diesel::delete(named.filter(sessions::provider_subject.eq(subject))).execute(conn),
    }
}

/// Returns the users of the sessions of a subject at the issuer.
pub fn list_owners(conn: &mut DbConnection, issuer: &str, provider_subject: &str) -> QueryResult<Vec<PrincipalId>> {
    sessions::table
        .filter(sessions::issuer.eq(issuer))
        .filter(sessions::provider_subject.eq(provider_subject))
        .select(sessions::principal_id)
        .load(conn)
}

/// Deletes the sessions of a subject at the issuer that began at `until` or earlier, by the issuer's clock. Returns their number.
pub fn delete_by_provider_subject(
    conn: &mut DbConnection,
    issuer: &str,
    provider_subject: &str,
    until: Moment,
) -> QueryResult<usize> {
    let of_subject = sessions::table
        .filter(sessions::issuer.eq(issuer))
        .filter(sessions::provider_subject.eq(provider_subject))
        .filter(sessions::signed_in_at.le(until));
    diesel::delete(of_subject).execute(conn)
}

/// Deletes the sessions that have ended by `now` or were last used at `unused_since` or earlier. Returns their number.
pub fn delete_over(conn: &mut DbConnection, now: Moment, unused_since: Moment) -> QueryResult<usize> {
    let over = sessions::ends_at.le(now).or(sessions::last_used_at.le(unused_since));
    diesel::delete(sessions::table.filter(over)).execute(conn)
}
