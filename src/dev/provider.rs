//! The state shared by the issuer's endpoints: identifier, keys, grants and endpoint behavior.

use openidconnect::IssuerUrl;
use openidconnect::url::ParseError;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::grants::Grants;
use super::key_ring::KeyRing;
use super::metadata::{self, IDENTITY_SCOPES};
use crate::Clock;

/// The state of one issuer. It is kept in memory only.
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
    /// Fails if `url` is not a URL.
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

    /// The scopes to grant: the requested ones, or all scopes of the API by default (RFC 6749 section 3.3). `None` if one is unknown.
    pub(super) fn grantable_scopes(&self, requested: Option<&str>) -> Option<Vec<String>> {
        let Some(requested) = requested else {
            return Some(self.api_scopes.clone());
        };
        let is_known =
            |scope: &str| IDENTITY_SCOPES.contains(&scope) || self.api_scopes.iter().any(|known| known == scope);
        requested.split(' ').map(|scope| is_known(scope).then(|| scope.to_owned())).collect()
    }
}
