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

#[derive(Args)]
pub(super) struct Arguments {
    /// A token to walk through every check; `-` reads it from standard input, where no other user of the machine sees it.
    #[arg(long, value_name = "TOKEN|-")]
    token: Option<String>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(application: &Application, arguments: Arguments) -> Result<(), CommandError> {
    let mut report = Report::default();
    examine(application, &arguments, &mut report).await?;
    report.print(arguments.json)?;
    match report.faults() {
        0 => Ok(()),
        faults => Err(CommandError::Unwell(faults)),
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
        report.warning("configuration", format!("{variable} is not known; is it misspelt?"));
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
    if let Some(given) = &arguments.token {
        let token = if given == "-" { std::io::read_to_string(std::io::stdin())? } else { given.clone() };
        token::examine(application, &config, issuers, clock, token.trim(), report).await?;
    }
    Ok(())
}
