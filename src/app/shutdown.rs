//! Graceful shutdown on a signal.
//!
//! SIGTERM: readiness turns 503 and every response closes its connection, so that load balancers and clients move to other replicas while
//! the service still serves. After a grace period it accepts no more connections, and open requests get a limited time to finish. SIGINT
//! does the same without the grace period. A second signal ends the grace period; a further one closes open requests at once.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use futures_util::future::{Either, select};

use crate::services::ReadinessService;

/// The delay between the last accepted connection and the stop of the workers: in this time the request of an accepted connection is
/// read, and every request that has been read gets a response.
const SETTLING_TIME: Duration = Duration::from_millis(100);

/// The parts of the service that a shutdown needs.
pub(super) struct Shutdown {
    pub(super) readiness: web::Data<ReadinessService>,
    pub(super) server: ServerHandle,
    pub(super) grace: Duration,
}

impl Shutdown {
    /// Waits for a signal and stops the service. Returns only after a signal that ends the wait for open requests.
    pub(super) async fn on_signal(self, mut signals: Signals) {
        let grace = match signals.next().await {
            Signal::Terminate => self.grace,
            Signal::Interrupt => Duration::ZERO,
        };
        tracing::info!(grace_seconds = grace.as_secs(), "received a signal to stop");
        self.readiness.stop();
        select(Box::pin(tokio::time::sleep(grace)), Box::pin(signals.next())).await;
        self.server.pause().await;
        tokio::time::sleep(SETTLING_TIME).await;
        tracing::info!("no longer accepting connections; finishing open requests");
        // Never completes: the caller's select ends when the server does, and this one only waits for another signal.
        let stopped = async {
            self.server.stop(true).await;
            std::future::pending::<()>().await;
        };
        if let Either::Right(_) = select(Box::pin(stopped), Box::pin(signals.next())).await {
            tracing::warn!("received another signal to stop; closing open requests");
        }
    }
}

/// A signal that stops the process.
pub(super) enum Signal {
    /// SIGTERM, from a supervisor.
    Terminate,
    /// SIGINT, from a terminal.
    Interrupt,
}

/// Receives the signals that stop the process, from its creation on.
#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> Signal {
        match select(Box::pin(self.terminate.recv()), Box::pin(self.interrupt.recv())).await {
            Either::Left(_) => Signal::Terminate,
            Either::Right(_) => Signal::Interrupt,
        }
    }
}

/// Only Ctrl-C exists on this system.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
