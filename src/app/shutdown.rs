//! How a service stops: told by a signal, it says so first, and lets whoever is being served finish.
//!
//! SIGTERM: readiness turns 503 and every answer closes its connection, so that balancers and clients go elsewhere while the service
//! still serves; after a grace it takes no more connections, and open requests get their time to end. SIGINT is the same without the
//! grace. A signal during the grace ends the grace; one after it ends everything at once.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use futures_util::future::{Either, select};

use crate::services::ReadinessService;

/// Between the last connection that is taken and the word to those at work that they are to end: a connection that was taken has its
/// request read by then, and what has been read is answered.
const SETTLING: Duration = Duration::from_millis(100);

/// What it takes to stop a service.
pub(super) struct Shutdown {
    pub(super) readiness: web::Data<ReadinessService>,
    pub(super) server: ServerHandle,
    pub(super) grace: Duration,
}

impl Shutdown {
    /// Waits for a signal and stops the service. Ends only where a signal has said that there is no more time.
    pub(super) async fn on_signal(self, mut signals: Signals) {
        let grace = match signals.next().await {
            Signal::Terminate => self.grace,
            Signal::Interrupt => Duration::ZERO,
        };
        tracing::info!(grace_seconds = grace.as_secs(), "told to stop");
        self.readiness.stop();
        select(Box::pin(tokio::time::sleep(grace)), Box::pin(signals.next())).await;
        self.server.pause().await;
        tokio::time::sleep(SETTLING).await;
        tracing::info!("takes no more connections, finishes open requests");
        // It ends with the server, which this waits for only to hear of another signal.
        let stopped = async {
            self.server.stop(true).await;
            std::future::pending::<()>().await;
        };
        if let Either::Right(_) = select(Box::pin(stopped), Box::pin(signals.next())).await {
            tracing::warn!("told again to stop: open requests are cut off");
        }
    }
}

/// What a process is told from outside.
pub(super) enum Signal {
    /// By what runs it: SIGTERM.
    Terminate,
    /// By a person at a terminal: SIGINT.
    Interrupt,
}

/// The signals that stop the process, heard from when this is made.
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

/// This system has Ctrl-C alone.
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
