//! Sessions of browsers.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::moment;
use crate::services::SessionView;

/// How to sign in.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LoginQuery {
    /// Where to go afterwards: a path here, from its slash, or an address of an origin that the operator allows. Else the front page.
    pub(crate) return_to: Option<String>,
    /// What the provider is to ask, or not.
    #[param(inline)]
    pub(crate) prompt: Option<Prompt>,
}

/// What the provider is to ask (OpenID Connect Core section 3.1.2.1).
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prompt {
    /// Nothing: who is not signed in there comes back with `error=login_required`.
    None,
    /// Who it is, even if it knows.
    Login,
    /// Whether this service may know.
    Consent,
    /// Which account.
    SelectAccount,
}

impl Prompt {
    /// As the provider reads it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// What a browser brings back from the provider. What else is there is the provider's own.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    /// The provider's answer.
    pub(crate) code: Option<String>,
    /// What this service gave the browser along.
    pub(crate) state: Option<String>,
    /// Whose answer it is (RFC 9207).
    pub(crate) iss: Option<String>,
    /// Why there is none.
    pub(crate) error: Option<String>,
}

/// What a provider sends when somebody has signed out there.
#[derive(Deserialize, ToSchema)]
pub(crate) struct BackchannelLogoutRequest {
    /// OpenID Connect Back-Channel Logout section 2.4.
    pub(crate) logout_token: String,
}

/// What is left to do after signing out here.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogoutResponse {
    /// Where to send the browser, so that the person is signed out at the provider as well; null where there is no such place.
    #[schema(example = "https://api.example.com/auth/logout")]
    pub(crate) end_session_url: Option<String>,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhoResponse {
    /// The principal's id here.
    pub(crate) id: String,
    /// The name to show.
    pub(crate) display_name: Option<String>,
    /// What they may do, as far as the service's own permissions go.
    pub(crate) permissions: Vec<&'static str>,
    /// The session; null for whoever came with a token.
    pub(crate) session: Option<SessionResponse>,
}

/// A session of a browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionResponse {
    /// What it is called. It opens nothing.
    id: String,
    /// What the browser called itself.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    device: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
    /// RFC 3339.
    created_at: String,
    /// When it was last used, to the minute; RFC 3339.
    last_used_at: String,
    /// When the provider last stood by it; RFC 3339.
    confirmed_at: String,
    /// When it ends unless it is used; RFC 3339.
    idle_ends_at: String,
    /// When it ends at the latest; RFC 3339.
    ends_at: String,
}

impl SessionResponse {
    /// `session` as it is told to whoever came by `current`.
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

/// The sessions of a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsResponse {
    /// Oldest first.
    pub(crate) items: Vec<SessionResponse>,
}
