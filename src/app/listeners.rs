//! The sockets of the service: one for the API, one for the metrics.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::Server;

use super::start_error::StartError;
use super::state::State;
use crate::config::Management;
use crate::metrics;

/// The setting of the service's listen address.
pub(super) const SERVER_BIND: &str = "SERVER_BIND";

/// The setting of the metrics' listen address.
pub(super) const MANAGEMENT_BIND: &str = "SERVER_MANAGEMENT_BIND";

/// Listens on `address`, the value of the setting `variable`. Returns the listener and the bound address.
pub(super) fn listen(variable: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(bind_error(variable, address))
}

/// Listens for scrapes of the metrics; `None` if they are disabled.
pub(super) fn listen_for_metrics(management: Management) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
    match management {
        Management::Off => Ok(None),
        Management::At(address) => listen(MANAGEMENT_BIND, address).map(Some),
        Management::Usual => match listen(MANAGEMENT_BIND, Management::USUAL) {
            Ok(listening) => Ok(Some(listening)),
            Err(error) => {
                tracing::warn!(%error, "default metrics address is in use; metrics are disabled");
                Ok(None)
            }
        },
    }
}

pub(super) fn serve_metrics(
    management: Option<(TcpListener, SocketAddr)>,
    state: &State,
) -> Result<Option<Server>, StartError> {
    let serve = |(listener, address)| {
        metrics::serve(listener, state.metrics.clone()).map_err(bind_error(MANAGEMENT_BIND, address))
    };
    management.map(serve).transpose()
}

pub(super) fn bind_error(variable: &'static str, address: SocketAddr) -> impl Fn(std::io::Error) -> StartError {
    move |cause| StartError::Bind { variable, address, cause }
}
