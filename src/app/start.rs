//! Starts a listening server from a configuration.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer, web};
use futures_util::future::{Either, select};
use tokio::task::AbortHandle;
use tracing_actix_web::TracingLogger;

use super::daily_purge;
use super::external_changes::ExternalChanges;
use super::issuer_reload::IssuerReload;
use super::listeners::{SERVER_BIND, bind_error, listen, listen_for_metrics, serve_metrics};
use super::shutdown::{Shutdown, Signals};
use super::start_error::StartError;
use super::state::{Parts, State};
use super::{Application, collect};
use crate::Clock;
use crate::config::{Config, DocsClient, Limits};
use crate::database::{Closed, Database};
use crate::middleware::cors;
use crate::middleware::request_span::RequestSpan;
use crate::middleware::responses::Responses;
use crate::routes::DocsSignIn;
use crate::routing::router::Router;
use crate::services::{MySessionService, PurgeService, ReadinessService};

/// How long a stopped service waits for the last database handle to be dropped.
const CLOSING: Duration = Duration::from_secs(2);

/// A listening service. After a drop it keeps running until the process or its runtime ends.
pub struct RunningService {
    address: SocketAddr,
    url: String,
    handle: ServerHandle,
    server: Server,
    management: Option<Server>,
    management_address: Option<SocketAddr>,
    issuers: IssuerReload,
    external_changes: ExternalChanges,
    readiness: web::Data<ReadinessService>,
    grace: Duration,
    closed: Closed,
    /// Background tasks that end with the server.
    background: Vec<AbortHandle>,
}

impl RunningService {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its metrics (`/metrics`, for Prometheus), or `None` if metrics are disabled.
    pub fn management_address(&self) -> Option<SocketAddr> {
        self.management_address
    }

    /// Its public URL, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a handle that stops the service, usable while [`wait`](Self::wait) runs.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Returns a handle that reloads the issuers file, as SIGHUP does, usable while [`wait`](Self::wait) runs.
    pub fn issuer_reload(&self) -> IssuerReload {
        self.issuers.clone()
    }

    /// Returns a handle that checks for database changes by other processes at once, usable while [`wait`](Self::wait) runs.
    pub fn external_changes(&self) -> ExternalChanges {
        self.external_changes.clone()
    }

    /// Serves until stopped by a signal or by the handle. No request is served before this runs.
    ///
    /// SIGTERM turns readiness to 503 and stops the service after `SERVER_GRACE_SECONDS`, SIGINT stops it at once. Open requests have
    /// `SERVER_SHUTDOWN_SECONDS` to finish.
    ///
    /// # Errors
    ///
    /// If the server fails, or if signals cannot be received.
    pub async fn wait(self) -> std::io::Result<()> {
        let closed = self.serve_until_stopped().await?;
        if !closed.within(CLOSING).await {
            tracing::warn!("the database is still in use and is left open");
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// Serves until stopped, and releases everything else.
    async fn serve_until_stopped(self) -> std::io::Result<Closed> {
        let reloading = self.issuers.on_hangup()?;
        let shutdown = Shutdown { readiness: self.readiness, server: self.handle, grace: self.grace };
        let stopping = Box::pin(shutdown.on_signal(Signals::listen()?));
        let management = self.management.map(|server| (server.handle(), actix_web::rt::spawn(server)));
        let served = match select(self.server, stopping).await {
            Either::Left((served, _)) => served,
            // Dropping the server closes the open connections.
            Either::Right(((), _server)) => Ok(()),
        };
        if let Some((handle, running)) = management {
            // The metrics of a stopped service need no graceful end.
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
    /// The identity provider need not be reachable: until its keys are fetched, requests with a token get 503.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(self, config: Config, clock: Clock) -> Result<RunningService, StartError> {
        if has_arbitrary_precision() {
            return Err(StartError::ArbitraryPrecision);
        }
        let oidc = config.oidc.clone().ok_or(StartError::NoIssuer)?;
        let declared = Arc::new(self.declared_permissions()?);
        let catalogue = self.catalogue(&declared, oidc.scope_prefix())?;
        let database = self.open_database(&config)?;
        let (listener, address) = listen(SERVER_BIND, config.server.bind)?;
        let management = listen_for_metrics(config.server.management)?;
        let url = config.server.public_url(address);
        let docs_client = oidc.docs.clone();
        let issuers = IssuerReload::start(oidc, &database, &clock)?;
        let docs = docs_sign_in(docs_client, &issuers);
        let (external_changes, background) = start_background(&config, &database, &clock)?;
        let closed = database.closing();
        let migrations = database.applied_versions().await?;
        let trusted = issuers.issuers().clone();
        let readiness = web::Data::new(ReadinessService::new(database.clone(), trusted, clock.clone(), migrations));
        let (shutdown, grace, limits) = (config.server.shutdown, config.server.grace, config.limits.clone());
        let parts = Parts {
            url: url.clone(),
            issuers: issuers.issuers(),
            relying_parties: issuers.relying_parties(),
            database,
            declared,
            clock,
            catalogue,
            docs,
            readiness: readiness.clone(),
        };
        let state = State::new(config, parts)?;
        let management_address = management.as_ref().map(|(_, address)| *address);
        let management = serve_metrics(management, &state)?;
        let server = self.serve(listener, state, shutdown, &limits).map_err(bind_error(SERVER_BIND, address))?;
        Ok(RunningService {
            address,
            url,
            handle: server.handle(),
            server,
            management,
            management_address,
            issuers,
            external_changes,
            readiness,
            grace,
            closed,
            background,
        })
    }

    /// Opens the configured database. Migrates it if configured, otherwise fails if a migration is pending.
    pub(crate) fn open_database(&self, config: &Config) -> Result<Database, StartError> {
        let database = Database::open(&config.database.connection)?;
        if config.database.migrate_at_start {
            for name in database.migrate(self.own_migrations())? {
                tracing::info!(migration = name, "migrated");
            }
        }
        self.require_migrated(database)
    }

    /// Opens the configured database if it exists, without creating or migrating it. Fails if a migration is pending.
    pub(crate) fn existing_database(&self, config: &Config) -> Result<Option<Database>, StartError> {
        if !config.database.connection.url.exists() {
            return Ok(None);
        }
        self.require_migrated(Database::open(&config.database.connection)?).map(Some)
    }

    fn require_migrated(&self, database: Database) -> Result<Database, StartError> {
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
            let metrics = state.metrics.of_worker();
            // Actix runs the wrap that is registered last first: span, metrics, CORS, answer; then the router and the guard.
            App::new()
                .configure(|services| state.register(services))
                .default_service(Router::new(api.into_routes(), state.authenticator.clone()))
                .wrap(Responses)
                .wrap(Condition::new(cors, state.cors.layer()))
                .wrap(Condition::new(cors, from_fn(cors::finish)))
                .wrap_fn(move |request, next| metrics.measure(request, next))
                .wrap(TracingLogger::<RequestSpan>::new())
        });
        // Signals are handled by `shutdown`.
        let server = server.disable_signals().shutdown_timeout(shutdown.as_secs());
        let server = server.client_request_timeout(limits.head).keep_alive(limits.keep_alive);
        let server = server.max_connections(limits.connections);
        Ok(server.listen(listener)?.run())
    }
}

/// Whether serde_json is built with the feature `arbitrary_precision`, which any crate of a build enables for all. With it our
/// deserializer sees a number as an object with one member.
fn has_arbitrary_precision() -> bool {
    const NUMBER: &str = "1.00000000000000000000000000001";
    let written = serde_json::from_str::<serde_json::Value>(NUMBER).and_then(|number| serde_json::to_string(&number));
    written.is_ok_and(|text| text == NUMBER)
}

/// Returns the sign-in of the documentation page, if a client is configured for it.
fn docs_sign_in(client: Option<DocsClient>, issuers: &IssuerReload) -> Option<web::Data<DocsSignIn>> {
    client.zip(issuers.sign_in_place()).map(|(client, place)| {
        web::Data::new(DocsSignIn::new(client.id, client.parameters.into_iter().collect(), place))
    })
}

/// Starts the tasks that run as long as the service: the daily purge, and the check for changes by other processes.
fn start_background(
    config: &Config,
    database: &Database,
    clock: &Clock,
) -> Result<(ExternalChanges, Vec<AbortHandle>), StartError> {
    let sessions = MySessionService::new(database.clone(), clock.clone(), config.session_idle());
    let purging = daily_purge::start(PurgeService::new(database.clone(), clock.clone()), sessions, clock.clone());
    let external_changes = ExternalChanges::new(database.clone());
    let watching = external_changes.watch(clock.clone())?;
    Ok((external_changes, vec![purging, watching]))
}
