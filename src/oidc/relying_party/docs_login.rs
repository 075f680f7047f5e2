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
        let endpoints = provider.login_endpoints().await?;
        Ok(SignInEndpoints {
            authorization: endpoints.authorization.url().clone(),
            token: endpoints.token.url().clone(),
        })
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::PlainHttp;
    use crate::oidc::testing::{ScriptedProvider, clock};

    #[tokio::test]
    async fn plain_http_endpoint_is_refused_unless_its_host_is_allowed() {
        let provider = ScriptedProvider::start().await;
        let endpoints = async |authorization: &str, hosts: &[&str]| {
            let metadata = json!({
                "issuer": provider.url, "jwks_uri": format!("{}/jwks", provider.url),
                "authorization_endpoint": authorization, "token_endpoint": "https://id.example/token",
            });
            provider.answer("/.well-known/openid-configuration", 200, &metadata.to_string());
            let mut settings = provider.settings();
            settings.plain_http = PlainHttp { hosts: hosts.iter().map(ToString::to_string).collect(), loopback: true };
            SignInPlace::new(&settings, ProviderClient::new().unwrap(), clock()).endpoints().await
        };
        for allowed in ["https://id.example/authorize", "http://127.0.0.1:1/authorize"] {
            assert_eq!(endpoints(allowed, &[]).await.unwrap().authorization.as_str(), allowed);
        }
        assert!(endpoints("http://id.example/authorize", &["id.example:80"]).await.is_some());
        for refused in ["http://id.example/authorize", "javascript:alert(1)", "https://user@id.example/authorize"] {
            assert_eq!(endpoints(refused, &[]).await, None, "{refused}");
        }
    }
}
