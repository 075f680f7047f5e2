//! Where an issuer signs people in, for a page that has to send them there.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use url::Url;

use super::discovered::Discovered;
use super::provider::{Provider, ProviderError};
use super::{IssuerSettings, ProviderClient};
use crate::Clock;

/// What the authorization code flow needs to know of an issuer (RFC 6749 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInEndpoints {
    /// Where the browser is sent.
    pub authorization: Url,
    /// Where the code is exchanged.
    pub token: Url,
}

/// Finds out where one issuer signs people in.
pub struct SignInPlace(Discovered<SignInEndpoints>);

impl SignInPlace {
    /// The place of the issuer of `settings`, which is not asked yet.
    pub fn new(settings: &IssuerSettings, client: ProviderClient, clock: Clock) -> Self {
        Self(Discovered::new(Provider::new(settings, client), clock, read))
    }

    /// The endpoints; `None` while the issuer does not tell them, which is logged.
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
