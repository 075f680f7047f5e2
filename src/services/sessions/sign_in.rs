//! Out to the provider and back: what is sent along with the browser, and what comes of its return.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::database::Invalidates;
use crate::models::{AuditAction, Moment, PrincipalId, Session};
use crate::oidc::{LoginAnswer, LoginError, PendingLogin, SignedIn};
use crate::repositories::{audit_events, principals, sessions};
use crate::services::{Actor, Failure, Need, ResolvedPrincipal, first_contact};

use super::{Secret, SessionService, json};

/// How long the provider's pages may take.
const PENDING_FOR: TimeDelta = TimeDelta::minutes(10);
/// How many sign-ins of one browser can be under way at once, in as many tabs.
const MOST_PENDING: usize = 3;
/// Where they are sealed for.
const PENDING: &str = "login";
/// Characters of what a browser calls itself that are kept.
const MAX_DEVICE: usize = 255;

/// Error codes of a provider that are told on (OIDC Core section 3.1.2.6, RFC 6749 section 4.1.2.1). Any other is the operator's to read.
const TOLD_ERRORS: [&str; 7] = [
    "access_denied",
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "server_error",
    "temporarily_unavailable",
];

/// A browser on its way to the provider.
pub struct Beginning {
    /// Where it goes.
    pub url: Url,
    /// What it brings back, sealed.
    pub pending: String,
}

/// A browser that comes back from the provider. Nothing of it is proved.
pub struct CallbackRequest<'a> {
    /// What it was given to bring back.
    pub pending: Option<&'a str>,
    /// `state` and `iss`.
    pub answer: LoginAnswer,
    /// `code`.
    pub code: Option<&'a str>,
    /// `error`.
    pub error: Option<&'a str>,
    /// The session that it had until now.
    pub former: Option<&'a str>,
    /// What it calls itself.
    pub device: Option<&'a str>,
    /// The request, for the audit trail.
    pub request_id: String,
}

/// What came of a sign-in that this browser had begun.
pub struct Completion {
    /// What the new session's cookie holds, or why there is none.
    pub outcome: Result<String, LoginRefusal>,
    /// Where the browser wanted to go.
    pub return_to: Option<String>,
    /// The sign-ins that are still under way, sealed; `None` where there are none.
    pub pending: Option<String>,
}

impl Completion {
    /// Whether what came back from the provider does not lead to somebody who is let in. A person who changed their mind presents
    /// nothing that could be refused.
    pub fn refuses_credential(&self) -> bool {
        matches!(&self.outcome, Err(LoginRefusal::Failure(failure)) if failure.refuses_credential())
    }
}

/// Why there is no session.
#[derive(Debug)]
pub enum LoginRefusal {
    /// The provider says no, with this code.
    ByProvider(&'static str),
    /// It comes to nothing here.
    Failure(Failure),
}

/// A sign-in that is under way, with where the browser wants to go afterwards.
#[derive(Serialize, Deserialize)]
struct Pending {
    login: PendingLogin,
    return_to: Option<String>,
    begun_at: DateTime<Utc>,
}

impl SessionService {
    /// Begins a sign-in, beside those that are `pending` in the same browser. `return_to` is one that may be gone to.
    pub async fn begin(
        &self,
        pending: Option<&str>,
        return_to: Option<String>,
        prompt: Option<&str>,
    ) -> Result<Beginning, Failure> {
        let request = self.0.login.begin(&self.0.settings.redirect_uri, prompt).await.map_err(failure)?;
        let mut all = self.open_pending(pending);
        all.push(Pending { login: request.pending, return_to, begun_at: self.now() });
        let too_many = all.len().saturating_sub(MOST_PENDING);
        all.drain(..too_many);
        Ok(Beginning { url: request.url, pending: self.seal_pending(&all)? })
    }

    /// Ends the sign-in that the arrival answers. Fails with [`Failure::LoginFailed`], and changes nothing, when this browser has begun
    /// none that has this `state`, or too long ago.
    pub async fn complete(&self, callback: CallbackRequest<'_>) -> Result<Completion, Failure> {
        let mut all = self.open_pending(callback.pending);
        let answered = |pending: &Pending| pending.login.is_answered_by(callback.answer.state.as_deref());
        let place = all.iter().position(answered).ok_or(Failure::LoginFailed)?;
        let Pending { login, return_to, .. } = all.remove(place);
        let pending = if all.is_empty() { None } else { Some(self.seal_pending(&all)?) };
        Ok(Completion { outcome: self.finish(&login, callback).await, return_to, pending })
    }

    async fn finish(&self, pending: &PendingLogin, callback: CallbackRequest<'_>) -> Result<String, LoginRefusal> {
        self.0.login.check(pending, &callback.answer).await.map_err(failure)?;
        if let Some(error) = callback.error {
            return Err(refused_by_provider(error));
        }
        let code = callback.code.ok_or(Failure::LoginFailed)?;
        let signed_in = self.0.login.complete(pending, code, &self.0.settings.redirect_uri).await.map_err(failure)?;
        let principal = self.0.principals.resolve_for(&signed_in.claims, Need::Ordinary).await?;
        Ok(self.open_session(principal, &signed_in, &callback).await?)
    }

    /// Always a new one: what a browser held before, whoever gave it that, is worth nothing now.
    async fn open_session(
        &self,
        principal: Arc<ResolvedPrincipal>,
        signed_in: &SignedIn,
        callback: &CallbackRequest<'_>,
    ) -> Result<String, Failure> {
        let (cookie, now, id) = (self.0.cookies.issue()?, self.now(), *principal.id());
        let mut session = self.session(id, signed_in, now)?;
        session.token_hash = cookie.hash;
        session.device = callback.device.map(|device| device.chars().take(MAX_DEVICE).collect());
        let former = callback.former.and_then(|former| self.0.cookies.authenticate(former));
        let claims = Arc::clone(&signed_in.claims);
        let actor = Actor::of_request(Arc::clone(&claims), principal, None, callback.request_id.clone());
        let event = actor.event(now.into(), AuditAction::BeginSession, id).with("session", session.id.clone());
        let opened = self.0.database.write_concurrently(move |conn| {
            if let Some(former) = former {
                sessions::delete_by_token(conn, &former)?;
            }
            // Shutting out ends the sessions that there are. It waits for this row, so it ends this one too, or this one is not begun.
            let current = principals::find_for_update(conn, id)?.ok_or(Failure::PrincipalDeleted)?;
            first_contact::admit_again(&current, &claims, now)?;
            sessions::insert(conn, &session)?;
            audit_events::append(conn, &event)?;
            Ok::<_, Failure>(((), Invalidates::Nothing))
        });
        opened.await?;
        self.0.counts.opened.add_one();
        Ok(cookie.value)
    }

    /// All of a session but its cookie.
    fn session(&self, principal_id: PrincipalId, signed_in: &SignedIn, now: DateTime<Utc>) -> Result<Session, Failure> {
        let id = Uuid::now_v7().to_string();
        let latest = now + self.0.settings.absolute;
        // What the provider can't be asked about again is good for as long as it said.
        let ends_at = if signed_in.refresh_token.is_some() { latest } else { latest.min(signed_in.good_until) };
        let refresh_token = signed_in.refresh_token.as_ref();
        Ok(Session {
            token_hash: String::new(),
            principal_id,
            issuer: signed_in.claims.issuer().to_owned(),
            provider_subject: signed_in.provider_subject.clone(),
            provider_session: signed_in.provider_session.clone(),
            claims: self.encrypt(Secret::Claims, &id, &json(&signed_in.kept)?)?,
            refresh_token: refresh_token.map(|token| self.encrypt(Secret::RefreshToken, &id, token)).transpose()?,
            id_token: self.encrypt(Secret::IdToken, &id, &signed_in.id_token)?,
            device: None,
            signed_in_at: Moment::from(signed_in.issued_at),
            created_at: now.into(),
            last_used_at: now.into(),
            proved_at: now.into(),
            ends_at: ends_at.into(),
            leased_until: None,
            id,
        })
    }

    fn open_pending(&self, encrypted: Option<&str>) -> Vec<Pending> {
        let opened = encrypted.and_then(|encrypted| self.0.encryptor.decrypt_of_hours(PENDING, encrypted, self.now()));
        let all: Option<Vec<Pending>> = opened.and_then(|opened| serde_json::from_str(opened.expose_secret()).ok());
        let is_new = |pending: &Pending| self.now() < pending.begun_at + PENDING_FOR;
        all.unwrap_or_default().into_iter().filter(is_new).collect()
    }

    fn seal_pending(&self, all: &[Pending]) -> Result<String, Failure> {
        self.0.encryptor.encrypt_for_hours(PENDING, json(&all)?.expose_secret(), self.now())
    }
}

fn refused_by_provider(error: &str) -> LoginRefusal {
    match TOLD_ERRORS.into_iter().find(|told| *told == error) {
        Some(told) => LoginRefusal::ByProvider(told),
        None => {
            tracing::warn!(
                "the identity provider refused a sign-in with an error that is about this client or its request"
            );
            LoginRefusal::Failure(Failure::LoginFailed)
        }
    }
}

/// What is no fault of the person's is told to the operator.
fn failure(error: LoginError) -> Failure {
    match error {
        LoginError::Off => Failure::SessionsOff,
        LoginError::NotOurs | LoginError::Refused => Failure::LoginFailed,
        LoginError::Unavailable(_) | LoginError::Misconfigured(_) => {
            tracing::warn!(%error, "a sign-in came to nothing");
            Failure::ProviderUnavailable
        }
        LoginError::Token(rejection) => {
            tracing::warn!(error = %rejection, "a sign-in came to nothing: a token of the identity provider is not acceptable");
            Failure::BadLogin(rejection)
        }
    }
}

impl From<Failure> for LoginRefusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
