//! `portcullis purge`: runs on demand what the running service does once a day.

use crate::Clock;
use crate::app::Application;
use crate::cli::error::CommandError;
use crate::cli::table::counted;
use crate::config::Config;
use crate::services::PurgeService;

pub(super) async fn run(application: &Application, config: &Config) -> Result<(), CommandError> {
    let purged = PurgeService::new(application.open_database(config)?, Clock::system()).run().await?;
    println!("purged {}", counted(&purged, "principal"));
    Ok(())
}
