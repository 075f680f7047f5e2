//! `portcullis serve`: runs the service until it is stopped.

use crate::Clock;
use crate::app::{Application, init_telemetry};
use crate::cli::error::CommandError;
use crate::config::{self, Config};

pub(super) async fn run(application: Application, config: Config) -> Result<(), CommandError> {
    let _log = init_telemetry(&config);
    for variable in config::unknown_variables() {
        tracing::warn!("{variable}");
    }
    let service = application.start(config, Clock::system()).await?;
    tracing::info!(address = %service.address(), url = service.url(), "listening");
    Ok(service.wait().await?)
}
