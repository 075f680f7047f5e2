//! The errors of the subcommands, for the terminal.

use std::net::SocketAddr;

use super::table::counted;
use crate::app::StartError;
use crate::config::ConfigError;
use crate::database::DatabaseError;
#[cfg(feature = "dev")]
use crate::dev::StartError as IssuerStartError;
use crate::routing::RegistrationError;
use crate::services::Failure;

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Refused(#[from] Failure),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Health(#[from] HealthError),
    #[error(
        "command-line arguments are visible to every user of this machine: pass the token on standard input, as in `portcullis doctor --token - < token.txt`"
    )]
    TokenInArguments,
    #[error("{} found", counted(.0, "fault"))]
    ChecksFailed(usize),
    #[error("cannot write the output")]
    Output(#[from] serde_json::Error),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("cannot write the output")]
    Print(#[source] std::io::Error),
    #[error("the server stopped")]
    Server(#[from] std::io::Error),
    #[cfg(feature = "dev")]
    #[error(transparent)]
    Dev(#[from] DevError),
}

/// Why the service is not healthy.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    #[error("no response from {address}")]
    NoAnswer {
        address: SocketAddr,
        #[source]
        cause: reqwest::Error,
    },
    #[error("{address} responded with {status}")]
    Unhealthy { address: SocketAddr, status: reqwest::StatusCode },
    #[error("failed to create an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Why `portcullis dev` failed.
#[cfg(feature = "dev")]
#[derive(Debug, thiserror::Error)]
pub(super) enum DevError {
    #[error(transparent)]
    Issuer(#[from] IssuerStartError),
    #[error("no development issuer is running on 127.0.0.1:{port}: start one with `portcullis dev`")]
    NoIssuer {
        port: u16,
        #[source]
        cause: reqwest::Error,
    },
    #[error("the development issuer responded with {status}: check that it knows every scope in `--scope`")]
    TokenRefused { status: reqwest::StatusCode },
    #[error("the system provides no randomness for a session key")]
    NoRandomness,
    #[error("failed to create an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Why an import failed as a whole or in part.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportError {
    #[error("cannot read the CSV file")]
    Unreadable(#[from] csv::Error),
    #[error("cannot read the CSV file")]
    File(#[from] std::io::Error),
    #[error("the first line must name the columns: subject and any of {}", .0.join(", "))]
    Columns(&'static [&'static str]),
    #[error("{} rejected", counted(.0, "line"))]
    LinesRefused(usize),
}
