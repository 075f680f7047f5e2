//! A running issuer, and what its owner can do to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::rt::System;
use actix_web::{App, HttpServer, web};
use serde_json::Value;
use tokio::sync::oneshot;

use super::endpoint::Endpoint;
use super::http;
use super::provider::Provider;
use super::signing_key::Algorithm;
use super::token_builder::TokenBuilder;
use crate::Clock;
use crate::models::permission::BUILT_IN;

/// How an issuer is set up.
#[derive(Clone, Debug)]
pub struct IssuerOptions {
    /// Where to listen: a loopback address, port 0 for a free one.
    pub bind: SocketAddr,
    /// The `aud` of its access tokens, and the only `resource` that clients can ask for (RFC 8707).
    pub audience: String,
    /// The scopes of the API: what clients can ask for besides `openid` and its like, and what they get if they do not say.
    pub api_scopes: Vec<String>,
    /// Where it takes the time from.
    pub clock: Clock,
}

impl IssuerOptions {
    /// A free port on 127.0.0.1, the permissions of Portcullis itself as scopes, the system's clock.
    pub fn new(audience: impl Into<String>) -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            audience: audience.into(),
            api_scopes: BUILT_IN.iter().map(|permission| permission.name().to_owned()).collect(),
            clock: Clock::system(),
        }
    }
}

/// Why an issuer did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Anybody who reaches the issuer can be anybody, so it stays on this machine.
    #[error("the development issuer listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The address is taken or forbidden.
    #[error("the development issuer cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address makes no URL.
    #[error("the development issuer has no valid address")]
    Address(#[from] openidconnect::url::ParseError),
    /// The system gave no thread or no event loop.
    #[error("the development issuer could not start its server")]
    Server(#[source] io::Error),
}

/// A running development issuer. It stops when dropped.
///
/// Its server has a thread of its own, so that it answers whatever runtime the owner is in, even a blocked one.
pub struct Issuer {
    provider: Arc<Provider>,
    address: SocketAddr,
    server: ServerHandle,
}

impl Issuer {
    /// Makes keys, listens, and returns once requests are answered. Fails when the address is not a loopback one, or is taken.
    ///
    /// All issuers of a process share their first RSA keys, which are slow to make: a token that must be refused for its key is one
    /// [signed by](TokenBuilder::signed_by) another [key](super::SigningKey), not one of a second issuer.
    pub async fn start(options: IssuerOptions) -> Result<Self, StartError> {
        let address = options.bind;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let cannot_listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let url = format!("http://{address}");
        let provider = Arc::new(Provider::new(url, options.audience, options.api_scopes, options.clock)?);
        let server = serve(listener, Arc::clone(&provider)).await.map_err(StartError::Server)?;
        Ok(Self { provider, address, server })
    }

    /// Stops the server and returns once its port is free. Requests under way are cut off.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }

    /// The issuer's name: the `iss` of its tokens and the base of its endpoints, without a slash at the end.
    pub fn url(&self) -> &str {
        self.provider.issuer.as_str()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An access token in the making, valid unless changed.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&self.provider)
    }

    /// Makes a new current key for this algorithm. The one before signs no more, but stays published until
    /// [`withdraw_old_keys`](Self::withdraw_old_keys).
    pub fn rotate(&self, algorithm: Algorithm) {
        self.provider.keys.rotate(algorithm);
    }

    /// Publishes current keys only.
    pub fn withdraw_old_keys(&self) {
        self.provider.keys.withdraw_old();
    }

    /// How `/.well-known/openid-configuration` behaves, and who asked for it.
    pub fn discovery(&self) -> &Endpoint {
        &self.provider.discovery
    }

    /// How `/jwks` behaves, and who asked for it.
    pub fn jwks(&self) -> &Endpoint {
        &self.provider.jwks
    }

    /// How `/token` behaves, and who asked it.
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.provider.token
    }

    /// A logout token in the making (OpenID Connect Back-Channel Logout section 2.4), for [`SESSION_CLIENT`](super::SESSION_CLIENT):
    /// whoever is named by [`subject`](TokenBuilder::subject) or the claim `sid` has signed out. It names nobody yet.
    pub fn logout_token(&self) -> TokenBuilder {
        TokenBuilder::logout(&self.provider)
    }

    /// The honest discovery document, to be changed and [served](Endpoint::serve).
    pub fn discovery_document(&self) -> Value {
        self.provider.document.clone()
    }

    /// The honest key set of this moment, to be changed and [served](Endpoint::serve).
    pub fn key_set(&self) -> Value {
        self.provider.keys.document()
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // The order is given by the call; the future would only wait until it is carried out.
        drop(self.server.stop(false));
    }
}

async fn serve(listener: TcpListener, provider: Arc<Provider>) -> io::Result<ServerHandle> {
    let (started, starting) = oneshot::channel();
    thread::Builder::new().name("development-issuer".to_owned()).spawn(move || {
        System::new().block_on(async move {
            match HttpServer::new(move || {
                App::new()
                    .app_data(web::Data::from(Arc::clone(&provider)))
                    .wrap(from_fn(http::refuse_foreign_hosts))
                    .configure(http::mount)
            })
            .workers(1)
            .disable_signals()
            .listen(listener)
            {
                Ok(server) => {
                    let server = server.run();
                    // Nobody waits any more when the owner gave up; then the handle's loss changes nothing.
                    let _ = started.send(Ok(server.handle()));
                    server.await
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    Ok(())
                }
            }
        })
    })?;
    starting.await.map_err(io::Error::other)?
}
