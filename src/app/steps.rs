//! The steps of a request one by one, for `benches/`: what lies between the socket and the handler.

use std::sync::Arc;

use actix_web::web;
use serde_json::{Map, Value};

use super::{Application, IssuerReload, StartError};
use crate::Clock;
use crate::auth::{Access, Authenticator, Caller, RateLimits, TrustedProxies};
use crate::config::Config;
use crate::error::Error;
use crate::oidc::{TokenVerifier, TrustedIssuers};
use crate::services::PrincipalService;

/// What proves tokens and finds principals, as a running service has it.
pub struct Steps {
    authenticator: Authenticator,
    verifier: TokenVerifier,
    issuers: TrustedIssuers,
    _keys: IssuerReload,
}

impl Steps {
    /// Opens the database and starts to fetch keys, as a service does that does not listen.
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

    /// Proves a token, or knows it again. Whether it is good.
    pub async fn verify(&self, token: &str) -> bool {
        self.verifier.verify(token).await.is_ok()
    }

    /// Proves a token whatever is known of it. Whether it is good.
    pub async fn examine(&self, token: &str) -> bool {
        self.verifier.examine(token, |_| {}).await.is_ok()
    }

    /// Reads what claims mean, without believing them. How many scopes and roles they hold; none where nobody trusts their issuer.
    pub fn interpret(&self, claims: &Map<String, Value>) -> usize {
        self.issuers.count_names(claims)
    }

    /// Whoever a token speaks for.
    ///
    /// # Errors
    ///
    /// Where the token or its principal is refused.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        self.authenticator.caller(Access::Authenticated, token).await
    }
}
