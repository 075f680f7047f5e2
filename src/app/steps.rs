//! The steps of a request between the socket and the handler, one by one, for `benches/`.

use std::sync::Arc;

use actix_web::web;
use serde_json::{Map, Value};

use super::{Application, IssuerReload, StartError};
use crate::Clock;
use crate::auth::{Access, Authenticator, Caller};
use crate::config::Config;
use crate::error::Error;
use crate::limits::{RateLimits, TrustedProxies};
use crate::oidc::{TokenVerifier, TrustedIssuers};
use crate::services::PrincipalService;

/// The verifier of tokens and the resolver of principals, wired as in a running service.
pub struct Steps {
    authenticator: Authenticator,
    verifier: TokenVerifier,
    issuers: TrustedIssuers,
    _keys: IssuerReload,
}

impl Steps {
    /// Opens the database and starts to fetch keys, like a service without a listener.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn start(config: Config) -> Result<Self, StartError> {
        let application = Application::new();
        let declared = Arc::new(application.declared_permissions()?);
        let database = application.open_database(&config)?;
        let clock = Clock::system();
        let keys = IssuerReload::start(config.oidc.ok_or(StartError::NoIssuer)?, &database, &clock)?;
        let issuers = keys.issuers().clone();
        let verifier = || TokenVerifier::new(issuers.clone(), clock.clone());
        let principals = PrincipalService::new(database, clock.clone(), declared, config.bootstrap_admin);
        let unlimited = web::Data::new(RateLimits::new(None, None, Arc::new(TrustedProxies::new(Vec::new())), &clock));
        let authenticator = Authenticator::new(clock.clone(), verifier(), principals, None, unlimited);
        Ok(Self { authenticator, verifier: verifier(), issuers, _keys: keys })
    }

    /// Verifies a token, and waits for the keys. Returns whether it is valid.
    pub async fn verify(&self, token: &str) -> bool {
        self.verifier.verify(token).await.is_ok()
    }

    /// Verifies a token. Returns whether it is valid.
    pub async fn examine(&self, token: &str) -> bool {
        self.verifier.examine(token, |_| {}).await.is_ok()
    }

    /// Interprets unverified claims. Returns the number of their scopes and roles; 0 if the issuer is not trusted.
    pub fn interpret(&self, claims: &Map<String, Value>) -> usize {
        self.issuers.count_names(claims)
    }

    /// Returns the caller that a token identifies.
    ///
    /// # Errors
    ///
    /// If the token or its principal is rejected.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        self.authenticator.caller(Access::Authenticated, token).await
    }
}
