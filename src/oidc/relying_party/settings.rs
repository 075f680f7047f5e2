//! The settings of the browser sign-in at an issuer.

use secrecy::SecretString;

/// This service's client at an issuer.
#[derive(Clone, Debug)]
pub struct LoginSettings {
    /// The client id, which is the `aud` of its ID tokens.
    pub client_id: String,
    /// The client secret; `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// The requested scopes, including `openid`.
    pub scopes: Vec<String>,
}
