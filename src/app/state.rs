//! The state shared by the workers: every service, wired by the configuration.

use std::sync::Arc;

use actix_web::web;

use super::start_error::StartError;
use crate::Clock;
use crate::auth::Authenticator;
use crate::auth::resource::ProtectedResource;
use crate::auth::session::{BrowserSessions, Cookies, Origins};
use crate::config::{Config, SessionConfig};
use crate::database::Database;
use crate::error::{body_config, json_config, path_config, query_config};
use crate::limits::hosts::Hosts;
use crate::limits::request_limits::RequestLimits;
use crate::limits::{EditBudget, RateLimits, TrustedProxies};
use crate::metrics::{MetricSnapshots, Metrics};
use crate::middleware::cors::CorsRule;
use crate::middleware::responses::ResponseRules;
use crate::models::permission::DeclaredPermissions;
use crate::oidc::{LoginClient, RelyingParties, TokenVerifier, TrustedIssuers};
use crate::routes::{CALLBACK_PATH, DocsSignIn};
use crate::routing::catalogue::Catalogue;
use crate::services::{
    AuditService, MeService, MySessionService, PrincipalService, ReadinessService, RoleService, ServiceAccountService,
    SessionService, SessionSettings, UserService,
};

/// The parts that the start has prepared for the workers.
pub(super) struct Parts<'a> {
    /// The public URL of the service.
    pub(super) url: String,
    pub(super) issuers: &'a TrustedIssuers,
    pub(super) relying_parties: &'a RelyingParties,
    pub(super) database: Database,
    pub(super) declared: Arc<DeclaredPermissions>,
    pub(super) clock: Clock,
    pub(super) catalogue: Catalogue,
    /// `None` if sign-in on the documentation page is not configured.
    pub(super) docs: Option<web::Data<DocsSignIn>>,
    pub(super) readiness: web::Data<ReadinessService>,
}

/// The state shared by the workers.
#[derive(Clone)]
pub(super) struct State {
    answers: web::Data<ResponseRules>,
    audit: web::Data<AuditService>,
    pub(super) authenticator: web::Data<Authenticator>,
    catalogue: web::Data<Catalogue>,
    pub(super) cors: web::Data<CorsRule>,
    database: web::Data<Database>,
    body_bytes: usize,
    declared: web::Data<DeclaredPermissions>,
    edits: web::Data<EditBudget>,
    /// `None` if sign-in on the documentation page is not configured.
    docs: Option<web::Data<DocsSignIn>>,
    issuers: web::Data<TrustedIssuers>,
    me: web::Data<MeService>,
    pub(super) metrics: web::Data<Metrics>,
    rates: web::Data<RateLimits>,
    readiness: web::Data<ReadinessService>,
    resource: web::Data<ProtectedResource>,
    roles: web::Data<RoleService>,
    my_sessions: web::Data<MySessionService>,
    /// `None` if browser sign-in is not enabled.
    sessions: Option<web::Data<BrowserSessions>>,
    service_accounts: web::Data<ServiceAccountService>,
    users: web::Data<UserService>,
}

impl State {
    /// Creates the services from the configuration.
    pub(super) fn new(config: Config, parts: Parts<'_>) -> Result<Self, StartError> {
        let (proxies, guarded) = Guarded::new(&config, &parts);
        let Guarded { authenticator, sessions, rates } = guarded;
        let Parts { url, issuers, database, declared, clock, catalogue, docs, readiness, .. } = parts;
        let readings = MetricSnapshots {
            clock: clock.clone(),
            issuers: issuers.clone(),
            database: database.clone(),
            authenticator: authenticator.clone(),
            sessions: sessions.clone(),
        };
        let metrics = web::Data::new(Metrics::new(readings).map_err(StartError::Metrics)?);
        let hosts = Hosts::of(config.server.bind, Some(&url));
        let resource = web::Data::new(ProtectedResource::new(url, issuers.clone()));
        let answers = ResponseRules {
            limits: RequestLimits { field_bytes: config.limits.field_bytes, body: config.limits.body, proxies, hosts },
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            resource: resource.clone(),
            is_https: config.server.is_https(),
        };
        Ok(Self {
            answers: web::Data::new(answers),
            audit: web::Data::new(AuditService::new(database.clone(), clock.clone())),
            authenticator,
            body_bytes: config.limits.body_bytes,
            catalogue: web::Data::new(catalogue),
            cors: web::Data::new(CorsRule::new(&config.cors, config.credentialed_origins())),
            docs,
            edits: web::Data::new(EditBudget::new(config.rate_limit.profile_edits, clock.clone())),
            issuers: web::Data::new(issuers.clone()),
            me: web::Data::new(MeService::new(database.clone(), clock.clone())),
            metrics,
            rates,
            readiness,
            resource,
            my_sessions: web::Data::new(MySessionService::new(database.clone(), clock.clone(), config.session_idle())),
            sessions,
            roles: web::Data::new(RoleService::new(database.clone(), clock.clone(), declared.clone())),
            service_accounts: web::Data::new(ServiceAccountService::new(
                database.clone(),
                clock.clone(),
                declared.clone(),
                issuers.clone(),
            )),
            users: web::Data::new(UserService::new(database.clone(), clock, declared.clone(), issuers.clone())),
            declared: web::Data::from(declared),
            database: web::Data::new(database),
        })
    }

    /// Registers the state with a worker.
    pub(super) fn register(&self, services: &mut web::ServiceConfig) {
        services
            .app_data(json_config(self.body_bytes))
            .app_data(body_config(self.body_bytes))
            .app_data(path_config())
            .app_data(query_config())
            .app_data(self.answers.clone())
            .app_data(self.audit.clone())
            .app_data(self.catalogue.clone())
            .app_data(self.cors.clone())
            .app_data(self.database.clone())
            .app_data(self.declared.clone())
            .app_data(self.edits.clone())
            .app_data(self.issuers.clone())
            .app_data(self.me.clone())
            .app_data(self.rates.clone())
            .app_data(self.readiness.clone())
            .app_data(self.my_sessions.clone())
            .app_data(self.resource.clone())
            .app_data(self.roles.clone())
            .app_data(self.service_accounts.clone())
            .app_data(self.users.clone());
        if let Some(docs) = &self.docs {
            services.app_data(docs.clone());
        }
        if let Some(sessions) = &self.sessions {
            services.app_data(sessions.clone());
        }
    }
}

/// The guard and its parts that other services use too.
struct Guarded {
    authenticator: web::Data<Authenticator>,
    /// `None` if browser sign-in is not enabled.
    sessions: Option<web::Data<BrowserSessions>>,
    rates: web::Data<RateLimits>,
}

impl Guarded {
    /// Creates the guard. Also returns the trusted proxies, from which the client addresses of its budgets come.
    fn new(config: &Config, parts: &Parts<'_>) -> (Arc<TrustedProxies>, Self) {
        let Parts { url, issuers, relying_parties, database, declared, clock, .. } = parts;
        let issuers: &TrustedIssuers = issuers;
        let verifier = TokenVerifier::new(issuers.clone(), clock.clone());
        let principals =
            PrincipalService::new(database.clone(), clock.clone(), declared.clone(), config.bootstrap_admin.clone())
                .stale_for(config.auth.stale_for);
        let relying_parties: &RelyingParties = relying_parties;
        let login = LoginClient::new(relying_parties.clone(), issuers.clone(), clock.clone());
        let sessions = config.session.as_ref().and_then(|settings| {
            let service =
                |settings| SessionService::new(database.clone(), clock.clone(), login, principals.clone(), settings);
            browser_sessions(settings, url, service)
        });
        let proxies = Arc::new(TrustedProxies::new(config.limits.trusted_proxies.clone()));
        let budgets = &config.rate_limit;
        let rates = web::Data::new(RateLimits::new(budgets.failures, budgets.requests, Arc::clone(&proxies), clock));
        let authenticator =
            web::Data::new(Authenticator::new(clock.clone(), verifier, principals, sessions.clone(), rates.clone()));
        (proxies, Self { authenticator, sessions, rates })
    }
}

/// Returns the browser sessions of the service at `url`; `None` if the URL has no origin.
fn browser_sessions(
    config: &SessionConfig,
    url: &str,
    service: impl FnOnce(SessionSettings) -> SessionService,
) -> Option<web::Data<BrowserSessions>> {
    let origins = Origins::new(url, &config.allowed_origins)?;
    let is_https = url.starts_with("https:");
    if !is_https {
        tracing::warn!(
            "the session cookie lacks `__Host-` and `Secure` because the public URL is plain http; use this on the local machine only"
        );
    }
    let settings = SessionSettings {
        keys: config.keys.clone(),
        idle: config.idle,
        absolute: config.absolute,
        roles: config.roles,
        redirect_uri: origins.address(CALLBACK_PATH),
        logged_out_url: config.logged_out_url.clone(),
    };
    let cookies = Cookies::new(is_https);
    Some(web::Data::new(BrowserSessions { service: service(settings), cookies, origins }))
}
