//! The command line: one file per subcommand.

mod audit;
mod config;
#[cfg(feature = "dev")]
mod dev;
mod doctor;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod issuers;
mod migrate;
mod openapi;
mod purge;
mod roles;
mod routes;
mod serve;
mod service_accounts;
mod table;
mod users;
mod users_import;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{Application, StartError};
use crate::auth::RegistrationError;
use crate::config::{Config, ConfigError};
use crate::database::DatabaseError;
use crate::error_chain::error_chain;
use crate::services::Failure;
use crate::telemetry;

#[derive(Parser)]
#[command(
    name = "portcullis",
    version,
    about,
    after_help = "Without a subcommand it serves. Settings come from the environment; see README.md."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Serve with a development identity provider beside it; needs no settings.
    #[cfg(feature = "dev")]
    Dev(dev::Arguments),
    /// Print what each setting is in effect and where it comes from, secrets as stars.
    Config,
    /// Say what is right, what is wrong and what to change: settings, issuers, and a token if one is given.
    Doctor(doctor::Arguments),
    /// Ask the running service how it is; fails if it is not well.
    Health(health::Arguments),
    /// Move everybody of an issuer whose URL changes.
    Issuers(issuers::Arguments),
    /// Bring the database's schema up to date.
    Migrate,
    /// Remove for good who was deleted 30 days ago or earlier; the running service does so once a day.
    Purge,
    /// Print every route with the access that it asks for.
    Routes,
    /// Print the OpenAPI document.
    Openapi,
    /// Write out the audit trail, or prune it.
    Audit(audit::Arguments),
    /// List roles.
    Roles(roles::Arguments),
    /// Register programs and list them.
    ServiceAccounts(service_accounts::Arguments),
    /// List people, grant them roles, disable and enable them.
    Users(users::Arguments),
}

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
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
    Health(#[from] health::HealthError),
    #[error(
        "a token in the arguments is seen by every user of the machine: give it on standard input, as in `portcullis doctor --token - < token.txt`"
    )]
    TokenInArguments,
    #[error("faults found: {0}")]
    ChecksFailed(usize),
    #[error("the output can't be written")]
    Output(#[from] serde_json::Error),
    #[error(transparent)]
    Import(#[from] users_import::ImportError),
    #[error("the output can't be written")]
    Print(#[source] std::io::Error),
    #[error("the server stopped")]
    Server(#[from] std::io::Error),
    #[cfg(feature = "dev")]
    #[error(transparent)]
    Dev(#[from] dev::DevError),
}

/// Parses the command line, runs what it names, and tells on standard error why that failed.
pub(crate) fn run(application: Application) -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    let outcome = actix_web::rt::System::new().block_on(dispatch(application, command));
    telemetry::finish();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: {}", error_chain(&error).trim_end());
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(application: Application, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve => serve::run(application, Config::from_env()?).await,
        #[cfg(feature = "dev")]
        Command::Dev(arguments) => dev::run(application, arguments).await,
        Command::Issuers(arguments) => issuers::run(&application, &Config::from_env()?, arguments).await,
        Command::Config => config::run(),
        Command::Health(arguments) => health::run(&Config::from_env()?, arguments).await,
        Command::Doctor(arguments) => doctor::run(&application, arguments).await,
        Command::Migrate => migrate::run(&application, &Config::from_env()?),
        Command::Purge => purge::run(&application, &Config::from_env()?).await,
        Command::Routes => routes::run(&application),
        Command::Openapi => openapi::run(&application, &Config::from_env()?),
        Command::Audit(arguments) => audit::run(&application, &Config::from_env()?, arguments).await,
        Command::Roles(arguments) => roles::run(&application, &Config::from_env()?, arguments).await,
        Command::ServiceAccounts(arguments) => {
            service_accounts::run(&application, &Config::from_env()?, arguments).await
        }
        Command::Users(arguments) => users::run(&application, &Config::from_env()?, arguments).await,
    }
}
