//! `portcullis doctor`: checks settings, issuers and a token, and explains how to fix what fails.
//!
//! Issuers are queried and the token is verified by the code of the service itself. Nothing is changed: no database, principal or stored
//! key set is created.

mod issuers;
mod report;
mod token;

use clap::Args;

use crate::Clock;
use crate::app::Application;
use crate::cli::error::CommandError;
use crate::config::Config;

use report::Report;

/// The argument that means standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Args)]
pub(super) struct Arguments {
    /// Read a token from standard input and run every check on it. `-` is the only value, since arguments are visible to other users.
    #[arg(long, value_name = "-", allow_hyphen_values = true)]
    token: Option<String>,
    /// Print a JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(application: &Application, arguments: Arguments) -> Result<(), CommandError> {
    // Not validated by clap, whose error message would repeat the token.
    if arguments.token.as_ref().is_some_and(|given| given != STANDARD_INPUT) {
        return Err(CommandError::TokenInArguments);
    }
    let mut report = Report::default();
    examine(application, &arguments, &mut report).await?;
    report.print(arguments.json)?;
    match report.faults() {
        0 => Ok(()),
        faults => Err(CommandError::ChecksFailed(faults)),
    }
}

async fn examine(application: &Application, arguments: &Arguments, report: &mut Report) -> Result<(), CommandError> {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            for fault in error.faults() {
                report.fault("configuration", format!("{} must be {}", fault.variable(), fault.must_be()));
            }
            return Ok(());
        }
    };
    for variable in crate::config::unknown_variables() {
        report.warning("configuration", variable.to_string());
    }
    for file in config.database.connection.url.files_open_to_others() {
        let file = file.display();
        report.warning("database", format!("users other than the owner have access to {file}; run `chmod 600` on it"));
    }
    let Some(oidc) = &config.oidc else {
        let missing = "no issuer is configured: set OIDC_ISSUER and OIDC_AUDIENCE, or OIDC_ISSUERS_FILE";
        report.fault("configuration", missing);
        return Ok(());
    };
    report.passed("configuration", "all settings are valid");
    let clock = Clock::system();
    let issuers = issuers::examine(&oidc.issuers, &clock, report).await?;
    if arguments.token.is_some() {
        let token = std::io::read_to_string(std::io::stdin())?;
        token::examine(application, &config, issuers, clock, token.trim(), report).await?;
    }
    Ok(())
}
