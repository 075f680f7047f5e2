//! Logout tokens of the provider (OIDC Back-Channel Logout section 2.7).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::database::{DbConnection, Invalidates};
use crate::models::{AuditAction, AuditEvent, IdentityKey, Moment, PrincipalId};
use crate::oidc::{LoginError, LogoutNotice};
use crate::repositories::{audit_events, principals, sessions};
use crate::services::Failure;

use super::SessionService;
use super::processed_tokens::hash;

impl SessionService {
    /// Ends the session that a logout token names. Where it names only a subject, ends all sessions of the subject and revokes the tokens
    /// issued to it until then. A replay ends nothing: only sessions that began before the token was issued are affected.
    ///
    /// Fails with [`Failure::BadLogoutToken`] when the token is not valid, with [`Failure::SessionsOff`] where browser sign-in is not
    /// enabled, and with [`Failure::ProviderUnavailable`] when the provider cannot be reached.
    pub async fn provider_signed_out(&self, logout_token: &str) -> Result<(), Failure> {
        let (now, token) = (self.now(), hash(logout_token));
        if self.0.processed.contain(&token, now) {
            return Ok(());
        }
        let notice = self.0.login.read_logout_token(logout_token).await.map_err(|error| match error {
            LoginError::Off => Failure::SessionsOff,
            LoginError::Token(rejection) => Failure::BadLogoutToken(rejection),
            LoginError::Unavailable(_) | LoginError::Misconfigured(_) | LoginError::NotOurs | LoginError::Refused => {
                Failure::ProviderUnavailable
            }
        })?;
        let expires_at = notice.expires_at;
        let ended = self.0.database.write_invalidating(move |conn| end(conn, &notice, now)).await?;
        self.0.processed.0.insert(token, expires_at);
        self.0.counts.withdrawn.add(ended);
        Ok(())
    }
}

/// Returns the number of ended sessions, and the principals whose earlier tokens are refused from now on. Sessions need no invalidation:
/// they are not cached, each request reads the row.
fn end(conn: &mut DbConnection, notice: &LogoutNotice, now: DateTime<Utc>) -> Result<(usize, Invalidates), Failure> {
    let (until, subject) = (Moment::from(notice.issued_at), notice.provider_subject.as_deref());
    if let Some(session) = &notice.provider_session {
        let ended = sessions::delete_by_provider_session(conn, &notice.issuer, session, subject, until)?;
        tracing::info!(sessions = ended, "the identity provider ended a session");
        return Ok((ended, Invalidates::Nothing));
    }
    let Some(subject) = subject else { return Ok((0, Invalidates::Nothing)) };
    let mut invalidates = Vec::new();
    for principal in owners(conn, notice, subject)? {
        if raise_not_before(conn, principal, until, now)? {
            invalidates.push(principal);
        }
    }
    let ended = sessions::delete_by_provider_subject(conn, &notice.issuer, subject, until)?;
    tracing::info!(sessions = ended, "the identity provider ended all sessions of a user");
    Ok((ended, Invalidates::each(&invalidates)))
}

/// Returns the principals that the notice affects: the owners of sessions with this subject, and the principal of this identity.
fn owners(conn: &mut DbConnection, notice: &LogoutNotice, subject: &str) -> Result<BTreeSet<PrincipalId>, Failure> {
    let mut owners: BTreeSet<_> = sessions::list_owners(conn, &notice.issuer, subject)?.into_iter().collect();
    if let Some(subject) = &notice.subject {
        let identity = IdentityKey::human(&notice.issuer, subject);
        owners.extend(principals::find_by_identity(conn, &identity)?.map(|principal| principal.id));
    }
    Ok(owners)
}

/// Refuses the principal's tokens from before `until`. Returns whether that changes anything: a replayed notice does not.
fn raise_not_before(
    conn: &mut DbConnection,
    id: PrincipalId,
    until: Moment,
    now: DateTime<Utc>,
) -> Result<bool, Failure> {
    // The row is locked because all columns are written: a concurrent edit must not be lost.
    let Some(mut principal) = principals::find_for_update(conn, id)? else { return Ok(false) };
    if principal.not_before.is_some_and(|not_before| not_before >= until) {
        return Ok(false);
    }
    principal.not_before = Some(until);
    principal.mark_edited(now.into());
    principals::update(conn, &principal)?;
    let event = AuditEvent::new(now.into(), AuditAction::ProviderSignOut, id);
    audit_events::append(conn, &event.with("not_before", until.utc().to_rfc3339()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::services::sessions::processed_tokens::ProcessedTokens;

    #[test]
    fn processed_token_is_cached_until_it_expires() {
        let (processed, now) = (ProcessedTokens::default(), DateTime::UNIX_EPOCH);
        assert!(!processed.contain(&hash("one"), now));
        processed.0.insert(hash("one"), now + TimeDelta::seconds(2));
        assert!(processed.contain(&hash("one"), now + TimeDelta::seconds(1)));
        assert!(!processed.contain(&hash("one"), now + TimeDelta::seconds(2)));
        assert!(!processed.contain(&hash("another"), now));
    }
}
