//! Somebody signed out at the provider, which says so behind the browser's back (OIDC Back-Channel Logout section 2.7).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::database::{DbConnection, Touched};
use crate::models::{AuditAction, AuditEvent, IdentityKey, Moment, PrincipalId};
use crate::oidc::{LoginError, LogoutNotice};
use crate::repositories::{audit_events, principals, sessions};
use crate::services::Failure;

use super::SessionService;

impl SessionService {
    /// Ends the session that a logout token names; where it names a person alone, every one of theirs, and whatever tokens they were given
    /// until then. Sent once more it finds nothing to end: it bears on what began before it was written.
    pub async fn provider_signed_out(&self, logout_token: &str) -> Result<(), Failure> {
        let notice = self.0.login.read_logout_token(logout_token).await.map_err(|error| match error {
            LoginError::Off => Failure::SessionsOff,
            LoginError::Token(rejection) => Failure::BadLogoutToken(rejection),
            LoginError::Unavailable(_) | LoginError::Misconfigured(_) | LoginError::NotOurs | LoginError::Refused => {
                Failure::ProviderUnavailable
            }
        })?;
        let now = self.now();
        let ended = self.0.database.write_touching(move |conn| end(conn, &notice, now)).await?;
        self.0.counts.withdrawn.add(ended);
        Ok(())
    }
}

/// Returns how many sessions there were to end.
fn end(conn: &mut DbConnection, notice: &LogoutNotice, now: DateTime<Utc>) -> Result<(usize, Touched), Failure> {
    let (until, subject) = (Moment::from(notice.issued_at), notice.provider_subject.as_deref());
    if let Some(session) = &notice.provider_session {
        let ended = sessions::delete_by_provider_session(conn, &notice.issuer, session, subject, until)?;
        tracing::info!(sessions = ended, "the identity provider ended a session");
        return Ok((ended, Touched::Nobody));
    }
    let Some(subject) = subject else { return Ok((0, Touched::Nobody)) };
    for principal in owners(conn, notice, subject)? {
        raise_not_before(conn, principal, until, now)?;
    }
    let ended = sessions::delete_by_provider_subject(conn, &notice.issuer, subject, until)?;
    tracing::info!(sessions = ended, "the identity provider ended every session of a person");
    Ok((ended, Touched::Everyone))
}

/// Whom the notice is about: whoever has sessions of this subject, and whoever is known by it.
fn owners(conn: &mut DbConnection, notice: &LogoutNotice, subject: &str) -> Result<BTreeSet<PrincipalId>, Failure> {
    let mut owners: BTreeSet<_> = sessions::list_owners(conn, &notice.issuer, subject)?.into_iter().collect();
    if let Some(subject) = &notice.subject {
        let identity = IdentityKey::human(&notice.issuer, subject);
        owners.extend(principals::find_by_identity(conn, &identity)?.map(|principal| principal.id));
    }
    Ok(owners)
}

/// Tokens from before the notice was written are refused. One that is sent again is no later than what it set.
fn raise_not_before(
    conn: &mut DbConnection,
    id: PrincipalId,
    until: Moment,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let Some(mut principal) = principals::find(conn, id)? else { return Ok(()) };
    if principal.not_before.is_some_and(|not_before| not_before >= until) {
        return Ok(());
    }
    principal.not_before = Some(until);
    principal.mark_edited(now.into());
    principals::update(conn, &principal)?;
    let event = AuditEvent::new(now.into(), AuditAction::ProviderSignOut, id);
    Ok(audit_events::append(conn, &event.with("not_before", until.utc().to_rfc3339()))?)
}
