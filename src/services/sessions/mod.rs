//! Browser sessions: a user signs in at the provider, and a cookie authenticates the browser from then on.
//!
//! A session is a row, so it ends for every replica at once. The cookie holds a random id, of which the row has the hash, and a tag by
//! which a forged cookie is refused without a query. The row holds the provider's tokens, encrypted with a key that is not in the
//! database. Neither the database nor the key alone discloses them.
//!
//! Each write changes one row in one statement, so it runs concurrently with other writes.

mod cookie_token;
mod counts;
mod ended;
mod lifetime;
mod own_sessions;
mod processed_tokens;
mod provider_logout;
mod renewal;
mod sign_in;

pub use own_sessions::{MySessionService, SessionView};
pub use sign_in::{CallbackRequest, Completion, LoginRefusal};

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Serialize;
use url::Url;

use crate::clock::Clock;
use crate::database::{Database, Invalidates};
use crate::models::{AuditAction, AuditEvent, Moment, Session};
use crate::oidc::{Claims, LoginClient, SessionClaims};
use crate::repositories::{audit_events, sessions};

use super::encryption::Encryptor;
use super::{Failure, Need, PrincipalService, ResolvedPrincipal};
use cookie_token::CookieTokens;
use counts::Counts;
use ended::EndedSessions;
use lifetime::is_over;
use processed_tokens::ProcessedTokens;

/// The longest interval between two updates of the time at which a session was last used.
const RECORD_USE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The settings of sessions.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Keys of 32 bytes, the newest first. The first one encrypts, all of them decrypt.
    pub keys: Vec<SecretSlice<u8>>,
    /// The lifetime of an unused session.
    pub idle: TimeDelta,
    /// The maximum lifetime of a session.
    pub absolute: TimeDelta,
    /// How long the roles of a sign-in are valid while refreshes return none.
    pub roles: TimeDelta,
    /// The redirect URI, exactly as registered at the provider.
    pub redirect_uri: String,
    /// The page to which the provider redirects after sign-out.
    pub logged_out_url: Option<Url>,
}

/// Signs users in and out with a browser, and resolves session cookies. Cheap to clone.
#[derive(Clone)]
pub struct SessionService(Arc<Inner>);

struct Inner {
    database: Database,
    clock: Clock,
    login: LoginClient,
    principals: PrincipalService,
    encryptor: Encryptor,
    cookies: CookieTokens,
    ended: EndedSessions,
    settings: SessionSettings,
    counts: Counts,
    processed: ProcessedTokens,
}

/// The holder of a session cookie.
pub struct SessionHolder {
    /// The claims of the sign-in or its latest refresh.
    pub claims: Arc<Claims>,
    /// The principal of the claims.
    pub principal: Arc<ResolvedPrincipal>,
    /// The session.
    pub session: SessionView,
}

/// The outcome of a sign-out, with the input for the sign-out at the provider.
pub struct SignedOut {
    /// Whether the provider has a sign-out page.
    pub is_provider_next: bool,
    /// The encrypted ID token for that page, which the browser keeps until then.
    pub hint: Option<String>,
}

impl SessionService {
    /// The service over `database`, with sign-in through `login`.
    pub fn new(
        database: Database,
        clock: Clock,
        login: LoginClient,
        principals: PrincipalService,
        settings: SessionSettings,
    ) -> Self {
        let (encryptor, cookies) = (Encryptor::new(&settings.keys), CookieTokens::new(&settings.keys));
        let (ended, counts, processed) = Default::default();
        Self(Arc::new(Inner {
            database,
            clock,
            login,
            principals,
            encryptor,
            cookies,
            ended,
            settings,
            counts,
            processed,
        }))
    }

    /// Returns the name and the count of each session event in this process.
    pub(crate) fn events(&self) -> [(&'static str, u64); 4] {
        self.0.counts.read()
    }

    /// Whether this cookie belongs to a recently ended session, as far as the cache knows. Costs no query.
    pub(crate) fn has_ended(&self, cookie: &str) -> bool {
        self.0.ended.contains(cookie, self.now())
    }

    /// Returns the holder of the session with this cookie, and refreshes the session where that is due.
    ///
    /// Fails with [`Failure::SessionEnded`] when the session does not exist or has ended, as the provider may decide at the refresh;
    /// otherwise as [`PrincipalService::resolve_for`]. A forged cookie costs no query.
    pub async fn resolve(&self, cookie: &str, need: Need) -> Result<SessionHolder, Failure> {
        let hash = self.0.cookies.authenticate(cookie).ok_or(Failure::SessionEnded)?;
        let holder = self.holder(hash, need).await;
        if let Err(Failure::SessionEnded) = holder {
            self.0.ended.add(cookie, self.now());
        }
        holder
    }

    async fn holder(&self, hash: String, need: Need) -> Result<SessionHolder, Failure> {
        let session = self.find(hash).await?;
        let session = self.renewed(session).await?;
        self.record_use(&session).await?;
        let claims = Arc::new(self.claims_of(&session).ok_or(Failure::SessionEnded)?);
        let principal = match self.0.principals.resolve_for(&claims, need).await {
            // The principal's tokens were revoked after the sign-in, and the session with them.
            Err(Failure::TokenRevoked) => Err(Failure::SessionEnded),
            resolved => resolved,
        };
        let principal = principal?;
        // The identity was linked to another principal after the sign-in.
        if principal.principal().id != session.principal_id {
            return Err(Failure::SessionEnded);
        }
        Ok(SessionHolder { claims, principal, session: SessionView::of(&session, self.0.settings.idle) })
    }

    /// Ends the session with this cookie; `None` if it does not exist. The provider's own session lasts until the browser signs out there.
    /// A forged cookie costs no query.
    pub async fn sign_out(&self, cookie: &str, request_id: String) -> Result<Option<SignedOut>, Failure> {
        let Some(hash) = self.0.cookies.authenticate(cookie) else { return Ok(None) };
        let ended = self.end_own(hash, request_id).await?;
        self.0.ended.add(cookie, self.now());
        let Some(session) = ended else { return Ok(None) };
        self.0.counts.signed_out.add_one();
        let is_provider_next = self.0.login.end_session_url(None, None).await.is_some();
        let id_token = self.0.encryptor.decrypt(&Secret::IdToken.context(&session.id), &session.id_token);
        let hint = id_token
            .map(|id_token| self.0.encryptor.encrypt_for_hours(HINT, id_token.expose_secret(), self.now()))
            .transpose()?;
        Ok(Some(SignedOut { is_provider_next, hint }))
    }

    /// Deletes the session with this hash and returns it; `None` if it does not exist.
    async fn end_own(&self, hash: String, request_id: String) -> Result<Option<Session>, Failure> {
        let now = Moment::from(self.now());
        let ended = self.0.database.write_concurrently(move |conn| {
            let Some(session) = sessions::find_by_token(conn, &hash)? else { return Ok((None, Invalidates::Nothing)) };
            if !sessions::delete_by_token(conn, &hash)? {
                return Ok((None, Invalidates::Nothing));
            }
            let mut event =
                AuditEvent::new(now, AuditAction::EndSession, session.principal_id).with("session", session.id.clone());
            event.actor = Some(session.principal_id);
            event.request_id = Some(request_id);
            audit_events::append(conn, &event)?;
            Ok::<_, Failure>((Some(session), Invalidates::Nothing))
        });
        ended.await
    }

    /// Returns the ID token in the hint of [`sign_out`](Self::sign_out); `None` if this service did not issue the hint.
    pub fn open_hint(&self, hint: &str) -> Option<SecretString> {
        self.0.encryptor.decrypt_of_hours(HINT, hint, self.now())
    }

    /// Returns the provider's sign-out page, with the ID token of the [hint](Self::open_hint); `None` if the provider has none.
    pub async fn provider_logout_url(&self, id_token: &SecretString) -> Option<Url> {
        self.0.login.end_session_url(Some(id_token), self.0.settings.logged_out_url.as_ref()).await
    }

    async fn find(&self, hash: String) -> Result<Session, Failure> {
        let (now, idle) = (self.now(), self.0.settings.idle);
        let session = self.0.database.read(move |conn| Ok::<_, Failure>(sessions::find_by_token(conn, &hash)?)).await?;
        session.filter(|session| !is_over(session, idle, now)).ok_or(Failure::SessionEnded)
    }

    /// Records that the session is used, at most once per interval.
    async fn record_use(&self, session: &Session) -> Result<(), Failure> {
        let (id, now) = (session.id.clone(), self.now());
        // The interval is short enough that a session in use does not become idle.
        if now - session.last_used_at.utc() < RECORD_USE_EVERY.min(self.0.settings.idle / 10) {
            return Ok(());
        }
        let recorded = self.0.database.write_concurrently(move |conn| {
            sessions::touch(conn, &id, now.into())?;
            Ok::<_, Failure>(((), Invalidates::Nothing))
        });
        recorded.await
    }

    /// `None` if the encryption key is no longer configured, or the issuer no longer supports browser sign-in.
    fn claims_of(&self, session: &Session) -> Option<Claims> {
        self.0.login.restore(&self.kept_claims(session)?, session.ends_at.utc())
    }

    fn kept_claims(&self, session: &Session) -> Option<SessionClaims> {
        let claims = self.0.encryptor.decrypt(&Secret::Claims.context(&session.id), &session.claims)?;
        serde_json::from_str(claims.expose_secret()).ok()
    }

    fn encrypt(&self, secret: Secret, session: &str, text: &SecretString) -> Result<String, Failure> {
        self.0.encryptor.encrypt(&secret.context(session), text.expose_secret())
    }

    fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }
}

/// The encryption context of the ID token between the sign-out here and at the provider.
const HINT: &str = "logout";

/// The encrypted values of a session. Each has a context of its own, so none can replace another, nor that of another session.
#[derive(Clone, Copy)]
enum Secret {
    Claims,
    IdToken,
    RefreshToken,
}

impl Secret {
    fn context(self, session: &str) -> String {
        let name = match self {
            Self::Claims => "claims",
            Self::IdToken => "id-token",
            Self::RefreshToken => "refresh-token",
        };
        format!("session/{session}/{name}")
    }
}

fn json(value: &impl Serialize) -> Result<SecretString, Failure> {
    serde_json::to_string(value).map(SecretString::from).map_err(Failure::Serialization)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn failed_serialization_is_not_blamed_on_the_sign_in() {
        // The names of a JSON object are strings.
        let unserializable = BTreeMap::from([(vec![1], 1)]);
        let failure = json(&unserializable).unwrap_err();
        assert!(matches!(failure, Failure::Serialization(_)) && !failure.refuses_credential());
    }
}
