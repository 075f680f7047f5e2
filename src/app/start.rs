//! From configuration to a listening server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use super::answer::answer;
use super::daily_purge;
use super::issuer_reload::IssuerReload;
use super::limits::limit_header_fields;
use super::observe::observe;
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
use crate::services::{
    AuditService, MeService, PrincipalService, PurgeService, RoleService, ServiceAccountService, UserService,
};

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
    /// The client for the provider could not be made.
    #[error("no client for the identity provider could be made")]
    ProviderClient(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address can't be listened on.
    #[error("SERVER_BIND {address}: {cause}")]
    Bind {
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
    issuers: IssuerReload,
}

impl RunningService {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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

    /// Serves until told to stop, by a signal or by the handle. Nothing is served before this runs.
    ///
    /// # Errors
    ///
    /// When the listening itself fails.
    pub async fn wait(self) -> std::io::Result<()> {
        let reloading = self.issuers.on_hangup()?;
        let served = self.server.await;
        reloading.abort();
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
        let listener = listen(config.server.bind)?;
        let address = listener.local_addr().map_err(|cause| StartError::Bind { address: config.server.bind, cause })?;
        let url = config.server.public_url(address);
        let issuers = IssuerReload::start(oidc, &database, &clock)?;
        daily_purge::start(PurgeService::new(database.clone(), clock.clone()), clock.clone());
        let state = State::new(config, url.clone(), &issuers, database, declared, clock, catalogue);
        let server = self.serve(listener, state).map_err(|cause| StartError::Bind { address, cause })?;
        Ok(RunningService { address, url, handle: server.handle(), server, issuers })
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
            // The wrap that is registered last runs first: trace, answer, limits; then each route's own guard.
            App::new()
                .configure(|services| state.register(services))
                .configure(|services| api.mount(services))
                .default_service(unknown_path())
                .wrap(from_fn(limit_header_fields))
                .wrap(from_fn(answer))
                .wrap(from_fn(observe))
        });
        Ok(server.shutdown_timeout(SHUTDOWN_SECONDS).listen(listener)?.run())
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|cause| StartError::Bind { address, cause })
}

/// What the workers share.
#[derive(Clone)]
struct State {
    audit: web::Data<AuditService>,
    authenticator: web::Data<Authenticator>,
    catalogue: web::Data<Catalogue>,
    database: web::Data<Database>,
    declared: web::Data<DeclaredPermissions>,
    issuers: web::Data<TrustedIssuers>,
    me: web::Data<MeService>,
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
    ) -> Self {
        let issuers = reload.issuers().clone();
        let verifier = TokenVerifier::new(issuers.clone(), clock.clone());
        let principals =
            PrincipalService::new(database.clone(), clock.clone(), declared.clone(), config.bootstrap_admin);
        Self {
            audit: web::Data::new(AuditService::new(database.clone(), clock.clone())),
            authenticator: web::Data::new(Authenticator::new(verifier, principals)),
            catalogue: web::Data::new(catalogue),
            issuers: web::Data::new(issuers.clone()),
            me: web::Data::new(MeService::new(database.clone(), clock.clone())),
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
        }
    }

    fn register(&self, services: &mut web::ServiceConfig) {
        services
            .app_data(json_config())
            .app_data(path_config())
            .app_data(query_config())
            .app_data(self.audit.clone())
            .app_data(self.authenticator.clone())
            .app_data(self.catalogue.clone())
            .app_data(self.database.clone())
            .app_data(self.declared.clone())
            .app_data(self.issuers.clone())
            .app_data(self.me.clone())
            .app_data(self.resource.clone())
            .app_data(self.roles.clone())
            .app_data(self.service_accounts.clone())
            .app_data(self.users.clone());
    }
}
