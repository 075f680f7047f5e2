//! `portcullis doctor`: what is right, what is wrong and what to change, before anybody is turned away.
//!
//! It asks the issuers as the service would, by the same code, and a token walks through the service's own verifier. It changes
//! nothing: no database is made, no principal, no stored key set.

mod issuers;
mod report;
mod token;

use clap::Args;

use super::CommandError;
use crate::Clock;
use crate::app::Application;
use crate::config::Config;

use report::Report;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Args)]
pub(super) struct Arguments {
    /// `-`: walk a token through every check, which standard input brings. In the arguments every user of the machine would see it.
    #[arg(long, value_name = "-", allow_hyphen_values = true)]
    token: Option<String>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(application: &Application, arguments: Arguments) -> Result<(), CommandError> {
    // Not for clap to check: it would repeat the token.
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
        report.fault("configuration", "no issuer is named: set OIDC_ISSUER and OIDC_AUDIENCE, or OIDC_ISSUERS_FILE");
        return Ok(());
    };
    report.passed("configuration", "every setting can be used");
    let clock = Clock::system();
    let issuers = issuers::examine(&oidc.issuers, &clock, report).await?;
    if arguments.token.is_some() {
        let token = std::io::read_to_string(std::io::stdin())?;
        token::examine(application, &config, issuers, clock, token.trim(), report).await?;
    }
    Ok(())
}
