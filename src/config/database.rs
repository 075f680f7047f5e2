//! `DATABASE_`: where the data is.

use super::environment::RawDatabase;
use super::faults::Faults;
use crate::database::{DatabaseConfig, DatabaseUrl, Synchronous};

/// Where the data is when nothing says otherwise.
const DEFAULT_FILE: &str = "portcullis.db";

/// Where the data is, and whether a start brings its schema up to date.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) connection: DatabaseConfig,
    pub(crate) migrate_at_start: bool,
}

impl DatabaseSettings {
    pub(super) fn parse(raw: RawDatabase, faults: &mut Faults) -> Option<Self> {
        let url = match raw.url.as_deref().map(DatabaseUrl::parse) {
            None => Some(DatabaseUrl::sqlite(DEFAULT_FILE)),
            Some(Ok(url)) => Some(url),
            Some(Err(refusal)) => {
                faults.add("DATABASE_URL", format!("of the form sqlite://<file> ({refusal})"));
                None
            }
        };
        let migrate_at_start =
            faults.parse("DATABASE_MIGRATE", raw.migrate, false, "`true` or `false`", |text| text.parse().ok());
        let rule = "`normal` or `full`";
        let synchronous =
            faults.parse("DATABASE_SYNCHRONOUS", raw.synchronous, Synchronous::Normal, rule, |text| match text {
                "normal" => Some(Synchronous::Normal),
                "full" => Some(Synchronous::Full),
                _ => None,
            });
        let connection = DatabaseConfig { url: url?, synchronous: synchronous? };
        Some(Self { connection, migrate_at_start: migrate_at_start? })
    }
}
