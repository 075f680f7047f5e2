//! `portcullis migrate`: applies pending migrations.

use crate::app::Application;
use crate::cli::error::CommandError;
use crate::config::Config;
use crate::database::Database;

pub(super) fn run(application: &Application, config: &Config) -> Result<(), CommandError> {
    let applied = Database::open(&config.database.connection)?.migrate(application.own_migrations())?;
    for name in &applied {
        println!("applied {name}");
    }
    if applied.is_empty() {
        println!("no pending migrations: the schema is up to date");
    }
    Ok(())
}
