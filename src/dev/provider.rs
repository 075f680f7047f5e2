//! What the issuer's endpoints share: its name, its keys, what it has granted, and how it is told to misbehave.

use openidconnect::IssuerUrl;
use openidconnect::url::ParseError;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::grants::Grants;
use super::key_ring::KeyRing;
use super::metadata;
use crate::Clock;

/// Scopes that ask for an ID token and for what it says (OpenID Connect Core section 5.4), and for a refresh token, which the app gets
/// anyway.
pub(super) const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The state behind one issuer. Nothing of it outlives the process.
pub(super) struct Provider {
    pub(super) issuer: IssuerUrl,
    pub(super) audience: String,
    pub(super) api_scopes: Vec<String>,
    pub(super) clock: Clock,
    pub(super) keys: KeyRing,
    pub(super) grants: Grants,
    pub(super) document: Value,
    pub(super) discovery: Endpoint,
    pub(super) jwks: Endpoint,
    pub(super) token: Endpoint,
}

impl Provider {
    /// Fails when `url` is not one.
    pub(super) fn new(
        url: String,
        audience: String,
        api_scopes: Vec<String>,
        clock: Clock,
    ) -> Result<Self, ParseError> {
        Ok(Self {
            document: metadata::document(&url, &api_scopes)?,
            issuer: IssuerUrl::new(url)?,
            audience,
            api_scopes,
            clock,
            keys: KeyRing::new(),
            grants: Grants::default(),
            discovery: Endpoint::new(),
            jwks: Endpoint::new(),
            token: Endpoint::new(),
        })
    }

    /// The scopes to grant: those asked for, or all of the API where none are (RFC 6749 section 3.3). `None` if one is unknown.
    pub(super) fn grantable_scopes(&self, requested: Option<&str>) -> Option<Vec<String>> {
        let Some(requested) = requested else {
            return Some(self.api_scopes.clone());
        };
        let known = |scope: &str| IDENTITY_SCOPES.contains(&scope) || self.api_scopes.iter().any(|own| own == scope);
        requested.split(' ').map(|scope| known(scope).then(|| scope.to_owned())).collect()
    }
}
