//! Browser sign-in, sign-out and sessions.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::moment;
use crate::services::SessionView;

/// The options of a sign-in.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LoginQuery {
    /// Where to redirect the browser after the sign-in: an absolute path of this service or a URL of an allowed origin. Defaults to `/`.
    pub(crate) return_to: Option<String>,
    /// The interaction that the identity provider must or must not ask for.
    #[param(inline)]
    pub(crate) prompt: Option<Prompt>,
}

/// The `prompt` of the authorization request (OpenID Connect Core section 3.1.2.1).
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prompt {
    /// No interaction. A user who is not signed in at the provider is redirected back with `error=login_required`.
    None,
    /// Authentication, even if the user is signed in.
    Login,
    /// Consent.
    Consent,
    /// The choice of an account.
    SelectAccount,
}

impl Prompt {
    /// Returns the value for the authorization request.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// The authorization response of the identity provider. Other parameters are ignored.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    /// The authorization code.
    pub(crate) code: Option<String>,
    /// The `state` of the authorization request.
    pub(crate) state: Option<String>,
    /// The issuer of the response (RFC 9207).
    pub(crate) iss: Option<String>,
    /// The error code, if the authorization failed.
    pub(crate) error: Option<String>,
}

/// A back-channel logout request of the identity provider.
#[derive(Deserialize, ToSchema)]
pub(crate) struct BackchannelLogoutRequest {
    /// The logout token (OpenID Connect Back-Channel Logout section 2.4).
    pub(crate) logout_token: String,
}

/// The result of a sign-out.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogoutResponse {
    /// The URL that signs the browser out at the identity provider; null if the provider does not support it.
    #[schema(example = "https://api.example.com/auth/logout")]
    pub(crate) end_session_url: Option<String>,
}

/// The authenticated principal.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhoResponse {
    /// The id of the principal.
    pub(crate) id: String,
    /// The display name.
    pub(crate) display_name: Option<String>,
    /// The permissions of this service that the caller may use.
    pub(crate) permissions: Vec<&'static str>,
    /// The session; null if the request was authenticated with a token.
    pub(crate) session: Option<SessionResponse>,
}

/// A browser session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionResponse {
    /// The id of the session. It is not a credential.
    id: String,
    /// The `User-Agent` of the browser.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    device: Option<String>,
    /// Whether the request was sent in this session.
    current: bool,
    /// When the session began (RFC 3339).
    created_at: String,
    /// When the session was last used, to the minute (RFC 3339).
    last_used_at: String,
    /// When the identity provider last confirmed the session (RFC 3339).
    confirmed_at: String,
    /// When the session ends if it is not used (RFC 3339).
    idle_ends_at: String,
    /// When the session ends at the latest (RFC 3339).
    ends_at: String,
}

impl SessionResponse {
    /// Returns `session`. `current` is the session of the request.
    pub(crate) fn new(session: &SessionView, current: Option<&SessionView>) -> Self {
        Self {
            id: session.id.clone(),
            device: session.device.clone(),
            current: current.is_some_and(|current| current.id == session.id),
            created_at: moment(session.created_at),
            last_used_at: moment(session.last_used_at),
            confirmed_at: moment(session.confirmed_at),
            idle_ends_at: moment(session.idle_ends_at),
            ends_at: moment(session.ends_at),
        }
    }
}

/// The browser sessions of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsResponse {
    /// The sessions, oldest first.
    pub(crate) items: Vec<SessionResponse>,
}
