//! From configuration to a listening server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer, web};
use tokio::task::AbortHandle;

use super::answer::answer;
use super::cors::{self, CorsRule};
use super::daily_purge;
use super::issuer_reload::IssuerReload;
use super::limits::limit_header_fields;
use super::metrics::{self, Metrics};
use super::observe::observe;
use super::outside_changes::OutsideChanges;
use super::{Application, collect};
use crate::Clock;
use crate::auth::catalogue::Catalogue;
use crate::auth::resource::ProtectedResource;
use crate::auth::{Authenticator, RegistrationError, unknown_path};
use crate::config::Config;
use crate::database::{Database, DatabaseError};
use crate::error::{json_config, path_config, query_config};
use crate::models::permission::DeclaredPermissions;
use crate::oidc::{TokenVerifier, TrustedIssuers};
use crate::routes::DocsSignIn;
use crate::services::{
    AuditService, MeService, PrincipalService, PurgeService, RoleService, ServiceAccountService, UserService,
};

/// Names where the service listens.
const SERVER_BIND: &str = "SERVER_BIND";
/// Names where the metrics are.
const MANAGEMENT_BIND: &str = "SERVER_MANAGEMENT_BIND";

/// Seconds that open requests get to finish when the server is told to stop.
const SHUTDOWN_SECONDS: u64 = 30;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No issuer is configured.
    #[error(
        "set OIDC_ISSUER and OIDC_AUDIENCE to the identity provider whose tokens are taken, or OIDC_ISSUERS_FILE to several; to try it without one, \
         `portcullis dev` needs nothing"
    )]
    NoIssuer,
    /// The routes contradict themselves.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The database can't be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database's schema is older than this program.
    #[error("the database lacks {count} migrations: run `portcullis migrate`, or set DATABASE_MIGRATE=true", count = .0.len())]
    PendingMigrations(Vec<String>),
    /// Two metrics have one name.
    #[error("the metrics contradict themselves")]
    Metrics(#[source] prometheus::Error),
    /// The client for the provider could not be made.
    #[error("no client for the identity provider could be made")]
    ProviderClient(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address can't be listened on.
    #[error("{variable} {address}: {cause}")]
    Bind {
        /// The variable that names it.
        variable: &'static str,
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// A service that listens. Dropping it leaves it running until the process or its runtime ends.
pub struct RunningService {
    address: SocketAddr,
    url: String,
    handle: ServerHandle,
    server: Server,
    management: Option<Server>,
    management_address: Option<SocketAddr>,
    issuers: IssuerReload,
    outside: OutsideChanges,
    watching: AbortHandle,
}

impl RunningService {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are, if they are anywhere: `/metrics` there, for Prometheus.
    pub fn management_address(&self) -> Option<SocketAddr> {
        self.management_address
    }

    /// Its public URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it from elsewhere: a handle that can be kept while [`wait`](Self::wait) runs.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Reads the issuers' file again from elsewhere: a handle that can be kept while [`wait`](Self::wait) runs. SIGHUP does the same.
    pub fn issuer_reload(&self) -> IssuerReload {
        self.issuers.clone()
    }

    /// Looks for changes that other processes made, before it is time to: a handle that can be kept while [`wait`](Self::wait) runs.
    pub fn outside_changes(&self) -> OutsideChanges {
        self.outside.clone()
    }

    /// Serves until told to stop, by a signal or by the handle. Nothing is served before this runs.
    ///
    /// # Errors
    ///
    /// When the listening itself fails.
    pub async fn wait(self) -> std::io::Result<()> {
        let reloading = self.issuers.on_hangup()?;
        let management = self.management.map(|server| (server.handle(), actix_web::rt::spawn(server)));
        let served = self.server.await;
        if let Some((handle, running)) = management {
            // Nobody waits for metrics of what has ended.
            handle.stop(false).await;
            running.abort();
        }
        reloading.abort();
        self.watching.abort();
        served
    }
}

impl Application {
    /// Opens the database, starts to fetch keys and listens.
    ///
    /// The provider need not be up: until its keys are there, tokens are answered 503.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(self, config: Config, clock: Clock) -> Result<RunningService, StartError> {
        let oidc = config.oidc.clone().ok_or(StartError::NoIssuer)?;
        let declared = Arc::new(self.declared_permissions()?);
        let catalogue = self.catalogue(&declared, oidc.scope_prefix())?;
        let database = self.open_database(&config)?;
        let (listener, address) = listen(SERVER_BIND, config.server.bind)?;
        let management = config.server.management_bind.map(|bind| listen(MANAGEMENT_BIND, bind)).transpose()?;
        let url = config.server.public_url(address);
        let docs = oidc.docs.clone();
        let issuers = IssuerReload::start(oidc, &database, &clock)?;
        let docs = docs.zip(issuers.sign_in_place()).map(|(client, place)| {
            web::Data::new(DocsSignIn::new(client.id, client.parameters.into_iter().collect(), place))
        });
        daily_purge::start(PurgeService::new(database.clone(), clock.clone()), clock.clone());
        let outside = OutsideChanges::new(database.clone());
        let watching = outside.watch(clock.clone());
        let state = State { docs, ..State::new(config, url.clone(), &issuers, database, declared, clock, catalogue)? };
        let management_address = management.as_ref().map(|(_, address)| *address);
        let management = management
            .map(|(listener, address)| {
                metrics::serve(listener, state.metrics.clone()).map_err(bind_error(MANAGEMENT_BIND, address))
            })
            .transpose()?;
        let server = self.serve(listener, state).map_err(bind_error(SERVER_BIND, address))?;
        Ok(RunningService {
            address,
            url,
            handle: server.handle(),
            server,
            management,
            management_address,
            issuers,
            outside,
            watching,
        })
    }

    /// The database of the configuration, migrated or known to need no migration.
    pub(crate) fn open_database(&self, config: &Config) -> Result<Database, StartError> {
        let database = Database::open(&config.database.connection)?;
        if config.database.migrate_at_start {
            for name in database.migrate(self.own_migrations())? {
                tracing::info!(migration = name, "migrated");
            }
        }
        self.migrated(database)
    }

    /// The database of the configuration as it is, if there is one: neither made nor migrated.
    pub(crate) fn existing_database(&self, config: &Config) -> Result<Option<Database>, StartError> {
        if !config.database.connection.url.exists() {
            return Ok(None);
        }
        self.migrated(Database::open(&config.database.connection)?).map(Some)
    }

    fn migrated(&self, database: Database) -> Result<Database, StartError> {
        let pending = database.pending_migrations(self.own_migrations())?;
        if pending.is_empty() { Ok(database) } else { Err(StartError::PendingMigrations(pending)) }
    }

    fn serve(self, listener: TcpListener, state: State) -> std::io::Result<Server> {
        let registrars = self.registrars;
        let server = HttpServer::new(move || {
            let api = collect(&registrars);
            let cors = state.cors.is_needed();
            // The wrap that is registered last runs first: trace, CORS, answer, limits; then each route's own guard.
            App::new()
                .configure(|services| state.register(services))
                .configure(|services| api.mount(services))
                .default_service(unknown_path())
                .wrap(from_fn(limit_header_fields))
                .wrap(from_fn(answer))
                .wrap(Condition::new(cors, state.cors.layer()))
                .wrap(Condition::new(cors, from_fn(cors::finish)))
                .wrap(from_fn(observe))
        });
        Ok(server.shutdown_timeout(SHUTDOWN_SECONDS).listen(listener)?.run())
    }
}

/// Listens where `variable` says, and tells where that is.
fn listen(variable: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(bind_error(variable, address))
}

fn bind_error(variable: &'static str, address: SocketAddr) -> impl Fn(std::io::Error) -> StartError {
    move |cause| StartError::Bind { variable, address, cause }
}

/// What the workers share.
#[derive(Clone)]
struct State {
    audit: web::Data<AuditService>,
    authenticator: web::Data<Authenticator>,
    catalogue: web::Data<Catalogue>,
    cors: web::Data<CorsRule>,
    database: web::Data<Database>,
    declared: web::Data<DeclaredPermissions>,
    /// `None` where the documentation page signs nobody in.
    docs: Option<web::Data<DocsSignIn>>,
    issuers: web::Data<TrustedIssuers>,
    me: web::Data<MeService>,
    metrics: web::Data<Metrics>,
    resource: web::Data<ProtectedResource>,
    roles: web::Data<RoleService>,
    service_accounts: web::Data<ServiceAccountService>,
    users: web::Data<UserService>,
}

impl State {
    fn new(
        config: Config,
        url: String,
        reload: &IssuerReload,
        database: Database,
        declared: Arc<DeclaredPermissions>,
        clock: Clock,
        catalogue: Catalogue,
    ) -> Result<Self, StartError> {
        let issuers = reload.issuers().clone();
        let verifier = TokenVerifier::new(issuers.clone(), clock.clone());
        let principals =
            PrincipalService::new(database.clone(), clock.clone(), declared.clone(), config.bootstrap_admin);
        Ok(Self {
            audit: web::Data::new(AuditService::new(database.clone(), clock.clone())),
            authenticator: web::Data::new(Authenticator::new(verifier, principals)),
            catalogue: web::Data::new(catalogue),
            cors: web::Data::new(CorsRule::new(&config.cors)),
            docs: None,
            issuers: web::Data::new(issuers.clone()),
            me: web::Data::new(MeService::new(database.clone(), clock.clone())),
            metrics: web::Data::new(Metrics::new(issuers.clone()).map_err(StartError::Metrics)?),
            resource: web::Data::new(ProtectedResource::new(url, issuers.clone())),
            roles: web::Data::new(RoleService::new(database.clone(), clock.clone(), declared.clone())),
            service_accounts: web::Data::new(ServiceAccountService::new(
                database.clone(),
                clock.clone(),
                declared.clone(),
                issuers.clone(),
            )),
            users: web::Data::new(UserService::new(database.clone(), clock, declared.clone(), issuers)),
            declared: web::Data::from(declared),
            database: web::Data::new(database),
        })
    }

    fn register(&self, services: &mut web::ServiceConfig) {
        services
            .app_data(json_config())
            .app_data(path_config())
            .app_data(query_config())
            .app_data(self.audit.clone())
            .app_data(self.authenticator.clone())
            .app_data(self.catalogue.clone())
            .app_data(self.cors.clone())
            .app_data(self.database.clone())
            .app_data(self.declared.clone())
            .app_data(self.issuers.clone())
            .app_data(self.me.clone())
            .app_data(self.metrics.clone())
            .app_data(self.resource.clone())
            .app_data(self.roles.clone())
            .app_data(self.service_accounts.clone())
            .app_data(self.users.clone());
        if let Some(docs) = &self.docs {
            services.app_data(docs.clone());
        }
    }
}
