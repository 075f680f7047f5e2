//! The command line: one file per subcommand.

#[cfg(feature = "dev")]
mod dev;
mod migrate;
mod openapi;
mod routes;
mod serve;
mod table;
mod users;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{Application, StartError};
use crate::auth::RegistrationError;
use crate::causes::causes;
use crate::config::{Config, ConfigError};
use crate::database::DatabaseError;
use crate::services::Failure;

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
    /// Bring the database's schema up to date.
    Migrate,
    /// Print every route with the access that it asks for.
    Routes,
    /// Print the OpenAPI document.
    Openapi,
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
    #[error("the output can't be written")]
    Output(#[from] serde_json::Error),
    #[error("the server stopped")]
    Server(#[from] std::io::Error),
    #[cfg(feature = "dev")]
    #[error(transparent)]
    Dev(#[from] dev::DevError),
}

/// Parses the command line, runs what it names, and tells on standard error why that failed.
pub(crate) fn run(application: Application) -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    match actix_web::rt::System::new().block_on(dispatch(application, command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: {}", causes(&error).trim_end());
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(application: Application, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve => serve::run(application, Config::from_env()?).await,
        #[cfg(feature = "dev")]
        Command::Dev(arguments) => dev::run(application, arguments).await,
        Command::Migrate => migrate::run(&application, &Config::from_env()?),
        Command::Routes => routes::run(&application),
        Command::Openapi => openapi::run(&application, &Config::from_env()?),
        Command::Users(arguments) => users::run(&application, &Config::from_env()?, arguments).await,
    }
}
