//! `DATABASE_`: the database connection.

use std::time::Duration;

use super::environment::RawDatabase;
use super::faults::Faults;
use crate::database::{DatabaseConfig, DatabaseUrl, Synchronous};

/// The default SQLite file.
const DEFAULT_FILE: &str = "portcullis.db";

/// The database connection, and whether migrations run at startup.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) connection: DatabaseConfig,
    pub(crate) migrate_at_start: bool,
}

/// The largest connection pool of one replica.
const MAX_CONNECTIONS: u32 = 1_000;
/// PostgreSQL truncates longer application names.
const MAX_NAME_LENGTH: usize = 63;

impl DatabaseSettings {
    pub(super) fn parse(raw: RawDatabase, faults: &mut Faults) -> Option<Self> {
        let url = match raw.url.as_deref().map(DatabaseUrl::parse) {
            None => Some(DatabaseUrl::sqlite(DEFAULT_FILE)),
            Some(Ok(url)) => Some(url),
            Some(Err(refusal)) => {
                let forms = "of the form sqlite://<file> or postgres://<user>:<password>@<host>/<database>";
                faults.add("DATABASE_URL", format!("{forms} ({refusal})"));
                None
            }
        };
        let direct_url =
            faults.parse("DATABASE_DIRECT_URL", raw.direct_url, None, "of the form postgres://…", |text| {
                DatabaseUrl::parse(text).ok().filter(DatabaseUrl::is_server).map(Some)
            });
        let is_pooled = flag(faults, "DATABASE_PGBOUNCER", raw.pgbouncer);
        let migrate_at_start = flag(faults, "DATABASE_MIGRATE", raw.migrate);
        let rule = "`normal` or `full`";
        let synchronous =
            faults.parse("DATABASE_SYNCHRONOUS", raw.synchronous, Synchronous::Normal, rule, |text| match text {
                "normal" => Some(Synchronous::Normal),
                "full" => Some(Synchronous::Full),
                _ => None,
            });
        let defaults = DatabaseConfig::new(url?);
        let rule = "a whole number from 1 to 1000";
        let pool_size = faults.parse("DATABASE_POOL_SIZE", raw.pool_size, defaults.pool_size, rule, |text| {
            text.parse().ok().filter(|size| (1..=MAX_CONNECTIONS).contains(size))
        });
        let pool_wait = seconds(faults, "DATABASE_POOL_WAIT_SECONDS", raw.pool_wait_seconds, defaults.pool_wait);
        let statement_timeout = seconds(
            faults,
            "DATABASE_STATEMENT_TIMEOUT_SECONDS",
            raw.statement_timeout_seconds,
            defaults.statement_timeout,
        );
        let lock_timeout =
            seconds(faults, "DATABASE_LOCK_TIMEOUT_SECONDS", raw.lock_timeout_seconds, defaults.lock_timeout);
        let rule = "1 to 63 printable ASCII characters";
        let application_name = faults.parse(
            "DATABASE_APPLICATION_NAME",
            raw.application_name,
            defaults.application_name.clone(),
            rule,
            |text| {
                let is_name =
                    (1..=MAX_NAME_LENGTH).contains(&text.len()) && !text.contains(|c: char| !matches!(c, ' '..='~'));
                is_name.then(|| text.to_owned())
            },
        );
        let connection = DatabaseConfig {
            direct_url: direct_url?,
            is_pooled: is_pooled?,
            synchronous: synchronous?,
            pool_size: pool_size?,
            pool_wait: pool_wait?,
            statement_timeout: statement_timeout?,
            lock_timeout: lock_timeout?,
            application_name: application_name?,
            ..defaults
        };
        Some(Self { connection, migrate_at_start: migrate_at_start? })
    }
}

fn flag(faults: &mut Faults, variable: &str, raw: Option<String>) -> Option<bool> {
    faults.parse(variable, raw, false, "`true` or `false`", |text| text.parse().ok())
}

fn seconds(faults: &mut Faults, variable: &str, raw: Option<String>, default: Duration) -> Option<Duration> {
    faults.parse(variable, raw, default, "a whole number of seconds from 1 to 3600", |text| {
        text.parse().ok().filter(|seconds| (1..=3_600).contains(seconds)).map(Duration::from_secs)
    })
}
