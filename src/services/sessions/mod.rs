//! Browser sessions: people sign in at the provider, and a cookie stands for that from then on.
//!
//! A session is a row, so it ends for every replica at once. The cookie holds a random id of which the row has the hash, and a tag by
//! which a forged one is refused without a query; the provider's tokens are in the row, sealed with a key that is not in the database.
//! Whoever reads one of the two can do nothing with it.
//!
//! What is written here goes by one row in one statement, so it waits for nobody else's turn to write.

mod cookie_token;
mod counts;
mod ended;
mod own_sessions;
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
use provider_logout::ProcessedTokens;

/// The longest time for which the use of a session goes unnoted.
const NOTE_USE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// How sessions are kept.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// 32 bytes each. What is kept is sealed under the first; the others still open what they sealed.
    pub keys: Vec<SecretSlice<u8>>,
    /// How long a session lasts that nobody uses.
    pub idle: TimeDelta,
    /// How long a session lasts.
    pub absolute: TimeDelta,
    /// How long roles that came with a sign-in are honoured while the provider, asked again, says nothing of them.
    pub roles: TimeDelta,
    /// Where the provider sends the browser back to: registered there, exactly.
    pub redirect_uri: String,
    /// Where the provider sends people who have signed out.
    pub logged_out_url: Option<Url>,
}

/// Signs people in and out with a browser, and knows their sessions again. Cheap to clone.
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

/// Who is behind a session's cookie.
pub struct SessionHolder {
    /// What the provider says of them.
    pub claims: Arc<Claims>,
    /// Who they are here.
    pub principal: Arc<ResolvedPrincipal>,
    /// The session.
    pub session: SessionView,
}

/// What is left to do once a session has ended here.
pub struct SignedOut {
    /// Whether the provider has a page to sign out at.
    pub is_provider_next: bool,
    /// What that page needs to know, sealed; to be kept by the browser until it goes there.
    pub hint: Option<String>,
}

impl SessionService {
    /// The service over `database`, for whoever signs in by `login`.
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

    /// What became of sessions in this process: each event's name, and how often it was.
    pub(crate) fn events(&self) -> [(&'static str, u64); 4] {
        self.0.counts.read()
    }

    /// Whether this cookie is genuine and its session was found to have ended a short time ago. Costs no query.
    pub(crate) fn has_ended(&self, cookie: &str) -> bool {
        self.0.ended.contains(cookie, self.now())
    }

    /// Whoever has the session of this cookie.
    ///
    /// Fails with [`Failure::SessionEnded`] when there is none or it has ended, as the provider may have decided just now; else as
    /// [`PrincipalService::resolve_for`]. A forged cookie costs no query.
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
        self.note_use(&session).await?;
        let claims = Arc::new(self.claims_of(&session).ok_or(Failure::SessionEnded)?);
        let principal = match self.0.principals.resolve_for(&claims, need).await {
            // Declared void since: the session is no better than a token of that time.
            Err(Failure::TokenRevoked) => Err(Failure::SessionEnded),
            resolved => resolved,
        };
        let principal = principal?;
        // The identity is somebody else's by now, whose session this is not.
        if principal.principal().id != session.principal_id {
            return Err(Failure::SessionEnded);
        }
        Ok(SessionHolder { claims, principal, session: SessionView::of(&session, self.0.settings.idle) })
    }

    /// Ends the session of this cookie; `None` where there is no such session. The provider's own goes on until the browser has been
    /// there. A forged cookie costs no query.
    pub async fn sign_out(&self, cookie: &str, request_id: String) -> Result<Option<SignedOut>, Failure> {
        let Some(hash) = self.0.cookies.authenticate(cookie) else { return Ok(None) };
        let ended = self.end_own(hash, request_id).await?;
        self.0.ended.add(cookie, self.now());
        let Some(session) = ended else { return Ok(None) };
        self.0.counts.signed_out.add_one();
        let is_provider_next = self.0.login.end_session_url(None, None).await.is_some();
        let id_token = self.0.encryptor.decrypt(&Secret::IdToken.place(&session.id), &session.id_token);
        let hint = id_token
            .map(|id_token| self.0.encryptor.encrypt_for_hours(HINT, id_token.expose_secret(), self.now()))
            .transpose()?;
        Ok(Some(SignedOut { is_provider_next, hint }))
    }

    /// Deletes the session of this hash, and returns it if there was one.
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

    /// The ID token that the hint of [`sign_out`](Self::sign_out) holds; `None` if this service did not make the hint.
    pub fn open_hint(&self, hint: &str) -> Option<SecretString> {
        self.0.encryptor.decrypt_of_hours(HINT, hint, self.now())
    }

    /// Where the browser signs out at the provider, with the ID token of its [hint](Self::open_hint); `None` where it can't.
    pub async fn provider_logout_url(&self, id_token: &SecretString) -> Option<Url> {
        self.0.login.end_session_url(Some(id_token), self.0.settings.logged_out_url.as_ref()).await
    }

    async fn find(&self, hash: String) -> Result<Session, Failure> {
        let (now, idle) = (self.now(), self.0.settings.idle);
        let session = self.0.database.read(move |conn| Ok::<_, Failure>(sessions::find_by_token(conn, &hash)?)).await?;
        session.filter(|session| !is_over(session, idle, now)).ok_or(Failure::SessionEnded)
    }

    /// Notes that the session is used, once in a while.
    async fn note_use(&self, session: &Session) -> Result<(), Failure> {
        let (id, now) = (session.id.clone(), self.now());
        // Often enough that a session in use does not seem idle.
        if now - session.last_used_at.utc() < NOTE_USE_EVERY.min(self.0.settings.idle / 10) {
            return Ok(());
        }
        let noted = self.0.database.write_concurrently(move |conn| {
            sessions::touch(conn, &id, now.into())?;
            Ok::<_, Failure>(((), Invalidates::Nothing))
        });
        noted.await
    }

    /// `None` where the key that sealed them is gone, or nobody signs in at their issuer any more.
    fn claims_of(&self, session: &Session) -> Option<Claims> {
        self.0.login.restore(&self.kept_claims(session)?, session.ends_at.utc())
    }

    fn kept_claims(&self, session: &Session) -> Option<SessionClaims> {
        let kept = self.0.encryptor.decrypt(&Secret::Claims.place(&session.id), &session.claims)?;
        serde_json::from_str(kept.expose_secret()).ok()
    }

    fn encrypt(&self, secret: Secret, session: &str, text: &SecretString) -> Result<String, Failure> {
        self.0.encryptor.encrypt(&secret.place(session), text.expose_secret())
    }

    fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }
}

/// Where the ID token is sealed for, between the end of a session here and at the provider.
const HINT: &str = "logout";

/// What of a session is sealed: each for its own place, so that none can stand in for another, or for another session's.
#[derive(Clone, Copy)]
enum Secret {
    Claims,
    IdToken,
    RefreshToken,
}

impl Secret {
    fn place(self, session: &str) -> String {
        let name = match self {
            Self::Claims => "claims",
            Self::IdToken => "id-token",
            Self::RefreshToken => "refresh-token",
        };
        format!("session/{session}/{name}")
    }
}

/// Whether the session has ended by `now`.
fn is_over(session: &Session, idle: TimeDelta, now: DateTime<Utc>) -> bool {
    now >= session.ends_at.utc() || now >= session.last_used_at.utc() + idle
}

fn json(value: &impl Serialize) -> Result<SecretString, Failure> {
    serde_json::to_string(value).map(SecretString::from).map_err(|_| Failure::LoginFailed)
}
