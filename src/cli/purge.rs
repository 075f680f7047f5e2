//! `portcullis purge`: what the running service does once a day, for those who would rather do it at a time of their own.

use super::CommandError;
use crate::Clock;
use crate::app::Application;
use crate::config::Config;
use crate::services::PurgeService;

pub(super) async fn run(application: &Application, config: &Config) -> Result<(), CommandError> {
    let purged = PurgeService::new(application.open_database(config)?, Clock::system()).run().await?;
    println!("purged: {purged}");
    Ok(())
}
