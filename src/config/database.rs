//! `DATABASE_`: the database connection.

use super::section::{described, section, value};
use super::value::{Number, Seconds, Value};
use crate::database::{DatabaseConfig, DatabaseUrl, Synchronous};

section!("Database", "DATABASE_", DatabaseSection {
    /// The database: an SQLite file, or a PostgreSQL database with libpq's parameters, such as `?sslmode=verify-full`. See
    /// [PostgreSQL](configuration.md#postgresql).
    url: DatabaseUrl => value("sqlite://portcullis.db");
    /// The server itself, if `DATABASE_URL` leads to a pooler. Migrations behind PgBouncer require it. Without it, changes by other replicas
    /// are detected by polling every two seconds.
    direct_url: ServerUrl => described("as `DATABASE_URL`");
    /// `true` if `DATABASE_URL` leads to PgBouncer in transaction mode: no session state is used.
    pgbouncer: bool => value("false");
    /// `true` applies pending migrations at every start; otherwise run `portcullis migrate`.
    migrate: bool => value("false");
    /// `full` makes every commit wait for the disk, so that a power failure loses no commit (SQLite).
    synchronous: Synchronous => value("normal");
    /// The number of concurrent transactions of one replica; on SQLite, the number of readers in addition to the writer. Multiplied by the
    /// number of replicas, it must stay below the server's `max_connections`.
    pool_size: Number<u32, 1, 1000> => value("8");
    /// How long a request may wait for a connection before it is answered with 503.
    pool_wait_seconds: Seconds<1, 3600> => value("2");
    /// The time limit of a statement (PostgreSQL).
    statement_timeout_seconds: Seconds<1, 3600> => value("10");
    /// How long a statement may wait for another transaction (PostgreSQL).
    lock_timeout_seconds: Seconds<1, 3600> => value("5");
    /// The name of the service in PostgreSQL's list of connections.
    application_name: ApplicationName => value("portcullis");
});

/// The database connection, and whether migrations run at startup.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) connection: DatabaseConfig,
    pub(crate) migrate_at_start: bool,
}

impl DatabaseSettings {
    pub(super) fn new(section: DatabaseSection) -> Option<Self> {
        let connection = DatabaseConfig {
            url: section.url.good()?,
            direct_url: section.direct_url.optional()?.map(|url| url.0),
            is_pooled: section.pgbouncer.good()?,
            synchronous: section.synchronous.good()?,
            pool_size: section.pool_size.good()?.0,
            pool_wait: section.pool_wait_seconds.good()?.0,
            statement_timeout: section.statement_timeout_seconds.good()?.0,
            lock_timeout: section.lock_timeout_seconds.good()?.0,
            application_name: section.application_name.good()?.0,
        };
        Some(Self { connection, migrate_at_start: section.migrate.good()? })
    }
}

impl Value for DatabaseUrl {
    const TYPE: &'static str = "URL";
    const RULE: &'static str = "of the form `sqlite://<file>` or `postgres://<user>:<password>@<host>/<database>`";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn broken_rules(text: &str) -> Vec<String> {
        let refusal = Self::parse(text).err().map(|refusal| format!("{} ({refusal})", <Self as Value>::rule()));
        refusal.into_iter().collect()
    }
}

/// The URL of a PostgreSQL server.
pub(super) struct ServerUrl(DatabaseUrl);

impl Value for ServerUrl {
    const TYPE: &'static str = "URL";
    const RULE: &'static str = "of the form `postgres://…`";

    fn parse(text: &str) -> Option<Self> {
        DatabaseUrl::parse(text).ok().filter(DatabaseUrl::is_server).map(Self)
    }
}

impl Value for Synchronous {
    const TYPE: &'static str = "word";
    const RULE: &'static str = "`normal` or `full`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "normal" => Some(Self::Normal),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// A name that PostgreSQL does not truncate.
pub(super) struct ApplicationName(String);

impl Value for ApplicationName {
    const TYPE: &'static str = "text";
    const RULE: &'static str = "1 to 63 printable ASCII characters";

    fn parse(text: &str) -> Option<Self> {
        let is_name = (1..=63).contains(&text.len()) && text.chars().all(|c| matches!(c, ' '..='~'));
        is_name.then(|| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn defaults_are_those_of_the_library() {
        let config = Config::from_vars([("", ""); 0]).unwrap();
        let expected = DatabaseConfig::new(DatabaseUrl::sqlite("portcullis.db"));
        assert_eq!(format!("{:?}", config.database.connection), format!("{expected:?}"));
        assert!(!config.database.migrate_at_start);
    }
}
