//! Browser sign-in: the redirect to the provider and the callback.

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
use crate::services::callers::first_contact;
use crate::services::{Actor, Failure, Need, ResolvedPrincipal};

use super::{Secret, SessionService, json};

/// The time limit of a sign-in.
const PENDING_FOR: TimeDelta = TimeDelta::minutes(10);
/// The maximum number of pending sign-ins of one browser, in as many tabs.
const MAX_PENDING: usize = 3;
/// The encryption context of pending sign-ins.
const PENDING: &str = "login";
/// The maximum length of a stored `User-Agent`, in characters.
const MAX_DEVICE: usize = 255;

/// Error codes of the provider that are passed on to the browser (OIDC Core section 3.1.2.6, RFC 6749 section 4.1.2.1). Any other
/// concerns the operator.
const FORWARDED_ERRORS: [&str; 7] = [
    "access_denied",
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "server_error",
    "temporarily_unavailable",
];

/// The start of a sign-in.
pub struct Beginning {
    /// The provider's authorization URL.
    pub url: Url,
    /// The encrypted pending sign-ins, for the browser to bring back.
    pub pending: String,
}

/// A callback from the provider. None of its fields is verified.
pub struct CallbackRequest<'a> {
    /// The encrypted pending sign-ins.
    pub pending: Option<&'a str>,
    /// `state` and `iss`.
    pub answer: LoginAnswer,
    /// `code`.
    pub code: Option<&'a str>,
    /// `error`.
    pub error: Option<&'a str>,
    /// The cookie of the browser's previous session.
    pub former: Option<&'a str>,
    /// The browser's `User-Agent`.
    pub device: Option<&'a str>,
    /// The request id, for the audit trail.
    pub request_id: String,
}

/// The result of a sign-in that this browser started.
pub struct Completion {
    /// The value of the new session cookie, or the reason for which there is none.
    pub outcome: Result<String, LoginRefusal>,
    /// The page to return to.
    pub return_to: Option<String>,
    /// The remaining pending sign-ins, encrypted; `None` if there are none.
    pub pending: Option<String>,
}

impl Completion {
    /// Whether a credential from the provider was refused. A sign-in that the user cancelled presents none.
    pub fn refuses_credential(&self) -> bool {
        matches!(&self.outcome, Err(LoginRefusal::Failure(failure)) if failure.refuses_credential())
    }
}

/// The reason for which a sign-in did not create a session.
#[derive(Debug)]
pub enum LoginRefusal {
    /// The provider refused with this error code.
    ByProvider(&'static str),
    /// The service refused.
    Failure(Failure),
}

/// A pending sign-in, with the page to return to afterwards.
#[derive(Serialize, Deserialize)]
struct Pending {
    login: PendingLogin,
    return_to: Option<String>,
    begun_at: DateTime<Utc>,
}

impl SessionService {
    /// Starts a sign-in, in addition to those `pending` in the same browser. `return_to` must be an allowed target.
    pub async fn begin(
        &self,
        pending: Option<&str>,
        return_to: Option<String>,
        prompt: Option<&str>,
    ) -> Result<Beginning, Failure> {
        let request = self.0.login.begin(&self.0.settings.redirect_uri, prompt).await.map_err(failure)?;
        let mut all = self.decrypt_pending(pending);
        all.push(Pending { login: request.pending, return_to, begun_at: self.now() });
        let too_many = all.len().saturating_sub(MAX_PENDING);
        all.drain(..too_many);
        Ok(Beginning { url: request.url, pending: self.encrypt_pending(&all)? })
    }

    /// Completes the sign-in that the callback answers. Fails with [`Failure::LoginFailed`], and changes nothing, when this browser started
    /// no sign-in with this `state`, or started it too long ago.
    pub async fn complete(&self, callback: CallbackRequest<'_>) -> Result<Completion, Failure> {
        let mut all = self.decrypt_pending(callback.pending);
        let is_answered = |pending: &Pending| pending.login.is_answered_by(callback.answer.state.as_deref());
        let index = all.iter().position(is_answered).ok_or(Failure::LoginFailed)?;
        let Pending { login, return_to, .. } = all.remove(index);
        let pending = if all.is_empty() { None } else { Some(self.encrypt_pending(&all)?) };
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

    /// Creates a session with a new cookie and ends the browser's previous one, which prevents session fixation.
    async fn open_session(
        &self,
        principal: Arc<ResolvedPrincipal>,
        signed_in: &SignedIn,
        callback: &CallbackRequest<'_>,
    ) -> Result<String, Failure> {
        let cookie = self.0.cookies.issue()?;
        let now = self.now();
        let id = *principal.id();
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
            // Disabling a principal ends its sessions. It waits for the lock on this row, so it ends this session too, or the session is
            // not created.
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

    /// A session without its cookie and device.
    fn session(&self, principal_id: PrincipalId, signed_in: &SignedIn, now: DateTime<Utc>) -> Result<Session, Failure> {
        let id = Uuid::now_v7().to_string();
        let latest = now + self.0.settings.absolute;
        // Without a refresh token, the session ends when the provider's tokens expire.
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

    fn decrypt_pending(&self, encrypted: Option<&str>) -> Vec<Pending> {
        let json = encrypted.and_then(|encrypted| self.0.encryptor.decrypt_of_hours(PENDING, encrypted, self.now()));
        let all: Option<Vec<Pending>> = json.and_then(|json| serde_json::from_str(json.expose_secret()).ok());
        let is_new = |pending: &Pending| self.now() < pending.begun_at + PENDING_FOR;
        all.unwrap_or_default().into_iter().filter(is_new).collect()
    }

    fn encrypt_pending(&self, all: &[Pending]) -> Result<String, Failure> {
        self.0.encryptor.encrypt_for_hours(PENDING, json(&all)?.expose_secret(), self.now())
    }
}

fn refused_by_provider(error: &str) -> LoginRefusal {
    match FORWARDED_ERRORS.into_iter().find(|code| *code == error) {
        Some(code) => LoginRefusal::ByProvider(code),
        None => {
            tracing::warn!("sign-in failed: the identity provider returned an error about this client or its request");
            LoginRefusal::Failure(Failure::LoginFailed)
        }
    }
}

/// Logs the errors that the operator has to resolve.
fn failure(error: LoginError) -> Failure {
    match error {
        LoginError::Off => Failure::SessionsOff,
        LoginError::NotOurs | LoginError::Refused => Failure::LoginFailed,
        LoginError::Unavailable(_) | LoginError::Misconfigured(_) => {
            tracing::warn!(%error, "sign-in failed");
            Failure::ProviderUnavailable
        }
        LoginError::Token(rejection) => {
            tracing::warn!(error = %rejection, "sign-in failed: rejected a token of the identity provider");
            Failure::BadLogin(rejection)
        }
    }
}

impl From<Failure> for LoginRefusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
