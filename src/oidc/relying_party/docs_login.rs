//! The sign-in endpoints of an issuer, for the docs page.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use url::Url;

use crate::Clock;
use crate::oidc::keys::discovered::Discovered;
use crate::oidc::keys::discovery::{Provider, ProviderError};
use crate::oidc::{IssuerSettings, ProviderClient};

/// The endpoints of the authorization code flow (RFC 6749 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInEndpoints {
    /// The authorization endpoint, to which the browser is redirected.
    pub authorization: Url,
    /// The token endpoint, at which the code is exchanged.
    pub token: Url,
}

/// The discovery of one issuer's sign-in endpoints.
pub struct SignInPlace(Discovered<SignInEndpoints>);

impl SignInPlace {
    /// Creates the discovery for the issuer of `settings`. Sends no request yet.
    pub fn new(settings: &IssuerSettings, client: ProviderClient, clock: Clock) -> Self {
        Self(Discovered::new(Provider::new(settings, client), clock, read))
    }

    /// Returns the endpoints; `None` while they are unavailable, which is logged.
    pub async fn endpoints(&self) -> Option<Arc<SignInEndpoints>> {
        self.0.get().await.ok()
    }
}

fn read(provider: Arc<Provider>) -> BoxFuture<'static, Result<SignInEndpoints, ProviderError>> {
    async move {
        let (authorization, token) = provider.sign_in_endpoints().await?;
        Ok(SignInEndpoints { authorization, token })
    }
    .boxed()
}
