//! From configuration to a listening server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer, web};
use futures_util::future::{Either, select};
use tokio::task::AbortHandle;

use super::answer::Answer;
use super::cors;
use super::daily_purge;
use super::external_changes::ExternalChanges;
use super::issuer_reload::IssuerReload;
use super::metrics;
use super::observe::Observe;
use super::shutdown::{Shutdown, Signals};
use super::state::{Parts, State};
use super::{Application, collect};
use crate::Clock;
use crate::auth::RegistrationError;
use crate::config::{Config, Limits, Management};
use crate::database::{Closed, Database, DatabaseError};
use crate::routes::DocsSignIn;
use crate::services::{MySessionService, PurgeService, ReadinessService};

/// Names where the service listens.
const SERVER_BIND: &str = "SERVER_BIND";
/// Names where the metrics are.
const MANAGEMENT_BIND: &str = "SERVER_MANAGEMENT_BIND";

/// How long a service that has ended waits for the last of its handles on the database to go.
const CLOSING: Duration = Duration::from_secs(2);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No issuer is configured.
    #[error(
        "set OIDC_ISSUER and OIDC_AUDIENCE to the identity provider whose tokens are taken, or OIDC_ISSUERS_FILE to several{}",
        if cfg!(feature = "dev") { "; to try it without one, `portcullis dev` needs nothing" } else { "" }
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
    /// The library that reads tokens was built so that it would refuse every one.
    #[error(
        "serde_json is built with its feature `arbitrary_precision`, with which every token would be refused: `cargo tree -e features -i \
         serde_json` shows which dependency turns it on"
    )]
    ArbitraryPrecision,
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
    outside: ExternalChanges,
    readiness: web::Data<ReadinessService>,
    grace: Duration,
    closed: Closed,
    /// What runs beside the server and ends with it.
    background: Vec<AbortHandle>,
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
    pub fn external_changes(&self) -> ExternalChanges {
        self.outside.clone()
    }

    /// Serves until told to stop, by a signal or by the handle. Nothing is served before this runs.
    ///
    /// SIGTERM turns readiness to 503 and ends the service after `SERVER_GRACE_SECONDS`, SIGINT at once; open requests have
    /// `SERVER_SHUTDOWN_SECONDS` to end.
    ///
    /// # Errors
    ///
    /// When the listening itself fails.
    pub async fn wait(self) -> std::io::Result<()> {
        let closed = self.serve_to_the_end().await?;
        if !closed.within(CLOSING).await {
            tracing::warn!("the database is still in use: it is left open");
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// Serves until told to stop, and lets go of everything.
    async fn serve_to_the_end(self) -> std::io::Result<Closed> {
        let reloading = self.issuers.on_hangup()?;
        let shutdown = Shutdown { readiness: self.readiness, server: self.handle, grace: self.grace };
        let stopping = Box::pin(shutdown.on_signal(Signals::listen()?));
        let management = self.management.map(|server| (server.handle(), actix_web::rt::spawn(server)));
        let served = match select(self.server, stopping).await {
            Either::Left((served, _)) => served,
            // Dropping the server cuts off what is still open.
            Either::Right(((), _server)) => Ok(()),
        };
        if let Some((handle, running)) = management {
            // Nobody waits for metrics of what has ended.
            handle.stop(false).await;
            running.abort();
        }
        reloading.abort();
        self.background.iter().for_each(AbortHandle::abort);
        served.map(|()| self.closed)
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
        if keeps_digits() {
            return Err(StartError::ArbitraryPrecision);
        }
        let oidc = config.oidc.clone().ok_or(StartError::NoIssuer)?;
        let declared = Arc::new(self.declared_permissions()?);
        let catalogue = self.catalogue(&declared, oidc.scope_prefix())?;
        let database = self.open_database(&config)?;
        let (listener, address) = listen(SERVER_BIND, config.server.bind)?;
        let management = listen_for_metrics(config.server.management)?;
        let url = config.server.public_url(address);
        let docs = oidc.docs.clone();
        let issuers = IssuerReload::start(oidc, &database, &clock)?;
        let docs = docs.zip(issuers.sign_in_place()).map(|(client, place)| {
            web::Data::new(DocsSignIn::new(client.id, client.parameters.into_iter().collect(), place))
        });
        let sessions = MySessionService::new(database.clone(), clock.clone(), config.session_idle());
        let purging = daily_purge::start(PurgeService::new(database.clone(), clock.clone()), sessions, clock.clone());
        let outside = ExternalChanges::new(database.clone());
        let watching = outside.watch(clock.clone())?;
        let closed = database.closing();
        let migrations = database.applied_versions().await?;
        let readiness = ReadinessService::new(database.clone(), issuers.issuers().clone(), clock.clone(), migrations);
        let readiness = web::Data::new(readiness);
        let (shutdown, grace, limits) = (config.server.shutdown, config.server.grace, config.limits.clone());
        let parts = Parts {
            url: url.clone(),
            issuers: issuers.issuers(),
            database,
            declared,
            clock,
            catalogue,
            docs,
            readiness: readiness.clone(),
        };
        let state = State::new(config, parts)?;
        let management_address = management.as_ref().map(|(_, address)| *address);
        let management = management
            .map(|(listener, address)| {
                metrics::serve(listener, state.metrics.clone()).map_err(bind_error(MANAGEMENT_BIND, address))
            })
            .transpose()?;
        let server = self.serve(listener, state, shutdown, &limits).map_err(bind_error(SERVER_BIND, address))?;
        Ok(RunningService {
            address,
            url,
            handle: server.handle(),
            server,
            management,
            management_address,
            issuers,
            outside,
            readiness,
            grace,
            closed,
            background: vec![purging, watching],
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

    fn serve(
        self,
        listener: TcpListener,
        state: State,
        shutdown: Duration,
        limits: &Limits,
    ) -> std::io::Result<Server> {
        let registrars = self.registrars;
        let server = HttpServer::new(move || {
            let api = collect(&registrars);
            let cors = state.cors.is_needed();
            // The wrap that is registered last runs first: trace, CORS, answer; then the router, and the guard.
            App::new()
                .configure(|services| state.register(services))
                .default_service(api.into_router(state.authenticator.clone()))
                .wrap(Answer)
                .wrap(Condition::new(cors, state.cors.layer()))
                .wrap(Condition::new(cors, from_fn(cors::finish)))
                .wrap(Observe)
        });
        // Signals are ours: see `shutdown`.
        let server = server.disable_signals().shutdown_timeout(shutdown.as_secs());
        let server = server.client_request_timeout(limits.head).keep_alive(limits.keep_alive);
        let server = server.max_connections(limits.connections);
        Ok(server.listen(listener)?.run())
    }
}

/// Whether serde_json keeps numbers as they are spelt (its feature `arbitrary_precision`, which any crate of a build turns on for all). To a
/// reader like ours a number is then an object of one member.
fn keeps_digits() -> bool {
    const SPELT: &str = "1.00000000000000000000000000001";
    let written = serde_json::from_str::<serde_json::Value>(SPELT).and_then(|number| serde_json::to_string(&number));
    written.is_ok_and(|text| text == SPELT)
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

/// Listens for whoever reads the metrics, if they are to be anywhere.
fn listen_for_metrics(management: Management) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
    match management {
        Management::Off => Ok(None),
        Management::At(address) => listen(MANAGEMENT_BIND, address).map(Some),
        Management::Usual => match listen(MANAGEMENT_BIND, Management::USUAL) {
            Ok(listening) => Ok(Some(listening)),
            Err(error) => {
                tracing::warn!(%error, "the usual address of the metrics can't be had: there are none; say where they are to be, or `off`");
                Ok(None)
            }
        },
    }
}

fn bind_error(variable: &'static str, address: SocketAddr) -> impl Fn(std::io::Error) -> StartError {
    move |cause| StartError::Bind { variable, address, cause }
}
