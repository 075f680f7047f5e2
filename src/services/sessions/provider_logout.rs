//! Somebody signed out at the provider, which says so behind the browser's back (OIDC Back-Channel Logout section 2.7).

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use quick_cache::sync::Cache;

use crate::database::{DbConnection, Invalidates};
use crate::models::{AuditAction, AuditEvent, IdentityKey, Moment, PrincipalId};
use crate::oidc::{LoginError, LogoutNotice};
use crate::repositories::{audit_events, principals, sessions};
use crate::services::Failure;

use super::SessionService;

/// How many processed tokens are remembered.
const MAX_PROCESSED: usize = 10_000;

/// The logout tokens that were carried out, by their hash, each with its expiry: sent once more, one costs neither a signature check nor
/// a transaction.
///
/// A process remembers its own only. That is enough, as a replay elsewhere changes nothing, and touches nobody's cache (see [`end`]). The
/// whole token counts and not its `jti` alone, so that a provider that gives an id twice has both tokens carried out.
pub(super) struct ProcessedTokens(Cache<TokenHash, DateTime<Utc>>);

type TokenHash = [u8; 32];

impl Default for ProcessedTokens {
    fn default() -> Self {
        Self(Cache::new(MAX_PROCESSED))
    }
}

impl ProcessedTokens {
    fn contain(&self, token: &TokenHash, now: DateTime<Utc>) -> bool {
        self.0.get(token).is_some_and(|expires_at| now < expires_at)
    }
}

fn hash(token: &str) -> TokenHash {
    let (mut hash, digest) = (TokenHash::default(), digest(&SHA256, token.as_bytes()));
    hash.iter_mut().zip(digest.as_ref()).for_each(|(octet, digested)| *octet = *digested);
    hash
}

impl SessionService {
    /// Ends the session that a logout token names; where it names a person alone, every one of theirs, and whatever tokens they were given
    /// until then. Sent once more it finds nothing to end: it bears on what began before it was written.
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

/// Returns how many sessions there were to end, and whose earlier tokens are refused from now on. Sessions themselves are in nobody's
/// cache: each request by one reads its row.
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
    tracing::info!(sessions = ended, "the identity provider ended every session of a person");
    Ok((ended, Invalidates::each(&invalidates)))
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

/// Has tokens from before the notice was written refused. Returns whether that is new: a notice that is sent again is no later than what
/// it set.
fn raise_not_before(
    conn: &mut DbConnection,
    id: PrincipalId,
    until: Moment,
    now: DateTime<Utc>,
) -> Result<bool, Failure> {
    // Held, as all columns are written: an edit that is under way must not be undone.
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

    #[test]
    fn processed_token_is_known_until_it_expires_and_no_other_is() {
        let (processed, now) = (ProcessedTokens::default(), DateTime::UNIX_EPOCH);
        assert!(!processed.contain(&hash("one"), now));
        processed.0.insert(hash("one"), now + TimeDelta::seconds(2));
        assert!(processed.contain(&hash("one"), now + TimeDelta::seconds(1)));
        assert!(!processed.contain(&hash("one"), now + TimeDelta::seconds(2)));
        assert!(!processed.contain(&hash("another"), now));
    }
}
