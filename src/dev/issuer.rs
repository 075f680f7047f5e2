//! A running issuer and its controls.

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

/// The options of an issuer.
#[derive(Clone, Debug)]
pub struct IssuerOptions {
    /// The listening address: a loopback address. Port 0 picks a free port.
    pub bind: SocketAddr,
    /// The `aud` of its access tokens, and the only `resource` that clients can ask for (RFC 8707).
    pub audience: String,
    /// The scopes of the API: clients can request them in addition to `openid` and similar scopes, and get all of them by default.
    pub api_scopes: Vec<String>,
    /// The source of the current time.
    pub clock: Clock,
}

impl IssuerOptions {
    /// The defaults: a free port on 127.0.0.1, the built-in permissions of Portcullis as scopes, the system clock.
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
    /// The address is not a loopback address. The issuer has no passwords, so it must not be reachable from other machines.
    #[error("the development issuer listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The address is in use or not permitted.
    #[error("the development issuer cannot listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The address does not form a valid URL.
    #[error("the development issuer has no valid address")]
    Address(#[from] openidconnect::url::ParseError),
    /// The thread or the event loop could not be created.
    #[error("the development issuer could not start its server")]
    Server(#[source] io::Error),
}

/// A running development issuer. It stops when dropped.
///
/// The server runs in a separate thread, so that it responds even if the owner's runtime is blocked.
pub struct Issuer {
    provider: Arc<Provider>,
    address: SocketAddr,
    server: ServerHandle,
}

impl Issuer {
    /// Generates keys, starts to listen, and returns once requests are served. Fails if the address is not a loopback address or is in use.
    ///
    /// All issuers of a process share their first RSA keys, which are slow to generate. To test an unknown key,
    /// [sign](TokenBuilder::signed_by) a token with another [key](super::SigningKey) rather than with a second issuer.
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

    /// Stops the server and returns once its port is free. Open requests are aborted.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }

    /// The issuer identifier: the `iss` of its tokens and the base URL of its endpoints, without a trailing slash.
    pub fn url(&self) -> &str {
        self.provider.issuer.as_str()
    }

    /// The listening address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A builder of access tokens, which are valid unless changed.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&self.provider)
    }

    /// Generates a new current key for this algorithm. The previous key no longer signs but stays published until
    /// [`withdraw_old_keys`](Self::withdraw_old_keys).
    pub fn rotate(&self, algorithm: Algorithm) {
        self.provider.keys.rotate(algorithm);
    }

    /// Publishes only the current keys.
    pub fn withdraw_old_keys(&self) {
        self.provider.keys.withdraw_old();
    }

    /// Controls the behavior of `/.well-known/openid-configuration` and counts its requests.
    pub fn discovery(&self) -> &Endpoint {
        &self.provider.discovery
    }

    /// Controls the behavior of `/jwks` and counts its requests.
    pub fn jwks(&self) -> &Endpoint {
        &self.provider.jwks
    }

    /// Controls the behavior of `/token` and counts its requests.
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.provider.token
    }

    /// A builder of logout tokens (OpenID Connect Back-Channel Logout section 2.4) for [`SESSION_CLIENT`](super::SESSION_CLIENT). Set the
    /// user with [`subject`](TokenBuilder::subject) or the session with the claim `sid`: neither is set by default.
    pub fn logout_token(&self) -> TokenBuilder {
        TokenBuilder::logout(&self.provider)
    }

    /// The correct discovery document, to modify and [serve](Endpoint::serve).
    pub fn discovery_document(&self) -> Value {
        self.provider.document.clone()
    }

    /// The current key set, to modify and [serve](Endpoint::serve).
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
        // The call itself stops the server; the future only waits for completion.
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
                    // Fails only if the owner no longer waits, who then needs no handle.
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
