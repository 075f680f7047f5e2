//! The command line: one file per subcommand.

mod audit;
mod config;
#[cfg(feature = "dev")]
mod dev;
mod doctor;
mod error;
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

use crate::app::Application;
use crate::config::Config;
use crate::telemetry::error_chain;

use error::CommandError;

#[derive(Parser)]
#[command(
    name = "portcullis",
    version,
    about,
    after_help = "Without a subcommand, the API is served. Settings are environment variables; see docs/configuration.md."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Serve the API together with a development identity provider; no settings needed.
    #[cfg(feature = "dev")]
    Dev(dev::Arguments),
    /// Print the effective value and the source of every setting; secrets are masked.
    Config,
    /// Check the settings, the issuers and, optionally, a token, and explain how to fix what fails.
    Doctor(doctor::Arguments),
    /// Check the health of the running service.
    Health(health::Arguments),
    /// Move users and service accounts when an issuer's URL changes.
    #[command(subcommand)]
    Issuers(issuers::Command),
    /// Apply pending migrations to the database.
    Migrate,
    /// Permanently remove principals deleted at least 30 days ago; the running service does this once a day.
    Purge,
    /// List every route with the access it requires.
    Routes,
    /// Print the OpenAPI document.
    Openapi,
    /// Export or prune the audit trail.
    Audit(audit::Arguments),
    /// List roles.
    #[command(subcommand)]
    Roles(roles::Command),
    /// Register and list service accounts.
    #[command(subcommand)]
    ServiceAccounts(service_accounts::Command),
    /// List, import and export users, assign roles, disable and enable users.
    #[command(subcommand)]
    Users(users::Command),
}

impl Application {
    /// Runs the subcommand on the command line, or `serve` if there is none. A failure is printed to standard error. Intended to be the
    /// whole body of `main`.
    pub fn run(self) -> ExitCode {
        let command = Arguments::parse().command.unwrap_or(Command::Serve);
        let outcome = actix_web::rt::System::new().block_on(dispatch(self, command));
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("portcullis: {}", error_chain(&error).trim_end());
                ExitCode::FAILURE
            }
        }
    }
}

async fn dispatch(application: Application, command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve => serve::run(application, Config::from_env()?).await,
        #[cfg(feature = "dev")]
        Command::Dev(arguments) => dev::run(application, arguments).await,
        Command::Issuers(command) => issuers::run(&application, &Config::from_env()?, command).await,
        Command::Config => config::run(),
        Command::Health(arguments) => health::run(&Config::from_env()?, arguments).await,
        Command::Doctor(arguments) => doctor::run(&application, arguments).await,
        Command::Migrate => migrate::run(&application, &Config::from_env()?),
        Command::Purge => purge::run(&application, &Config::from_env()?).await,
        Command::Routes => routes::run(&application),
        Command::Openapi => openapi::run(&application, &Config::from_env()?),
        Command::Audit(arguments) => audit::run(&application, &Config::from_env()?, arguments).await,
        Command::Roles(command) => roles::run(&application, &Config::from_env()?, command).await,
        Command::ServiceAccounts(command) => service_accounts::run(&application, &Config::from_env()?, command).await,
        Command::Users(command) => users::run(&application, &Config::from_env()?, command).await,
    }
}
