//! As which client people are signed in at an issuer.

use secrecy::SecretString;

/// A client of ours at an issuer.
#[derive(Clone, Debug)]
pub struct LoginSettings {
    /// Its id, which is the `aud` of its ID tokens.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// What it asks for; `openid` is among it.
    pub scopes: Vec<String>,
}
