//! The errors that prevent the start of the service.

use std::net::SocketAddr;

use crate::database::DatabaseError;
use crate::routing::RegistrationError;

/// An error that prevents the start of the service.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No issuer is configured.
    #[error(
        "no issuer is configured: set OIDC_ISSUER and OIDC_AUDIENCE, or OIDC_ISSUERS_FILE for several issuers{}",
        if cfg!(feature = "dev") { "; `portcullis dev` runs without an identity provider" } else { "" }
    )]
    NoIssuer,
    /// The registered routes are inconsistent.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The schema of the database is older than this build.
    #[error("the database lacks {}: run `portcullis migrate`, or set DATABASE_MIGRATE=true", count_of_migrations(.0))]
    PendingMigrations(Vec<String>),
    /// The JSON library was built with a feature that would make every token invalid.
    #[error(
        "serde_json is built with the feature `arbitrary_precision`, which makes every token invalid: disable it in the \
         dependency that `cargo tree -e features -i serde_json` shows"
    )]
    ArbitraryPrecision,
    /// Two metrics have the same name.
    #[error("two metrics have the same name")]
    Metrics(#[source] prometheus::Error),
    /// The HTTP client for the identity provider could not be created.
    #[error("failed to create the HTTP client for the identity provider")]
    ProviderClient(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The service cannot listen on the address.
    #[error("{variable} {address}: {cause}")]
    Bind {
        /// The setting of the address.
        variable: &'static str,
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        cause: std::io::Error,
    },
}

/// Returns the number with its noun, such as "1 migration".
fn count_of_migrations(names: &[String]) -> String {
    format!("{} migration{}", names.len(), if names.len() == 1 { "" } else { "s" })
}
