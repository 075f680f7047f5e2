//! `portcullis issuers`: moves principals when an issuer's URL changes.

use clap::Subcommand;

use crate::Clock;
use crate::app::Application;
use crate::cli::error::CommandError;
use crate::cli::table::counted;
use crate::config::Config;
use crate::services::{Actor, IssuerRename, IssuerService};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Move all users and service accounts of an issuer to its new URL, in one transaction.
    Rename {
        /// The old issuer, exactly as it was configured.
        old: String,
        /// The new issuer, exactly as its tokens spell it.
        new: String,
        /// Report what would be moved without moving anything.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(application: &Application, config: &Config, command: Command) -> Result<(), CommandError> {
    let Command::Rename { old, new, dry_run } = command;
    let actor = Actor::command_line();
    let issuers = IssuerService::new(application.open_database(config)?, Clock::system());
    if !config.oidc.as_ref().is_some_and(|oidc| oidc.trusts(&new)) {
        eprintln!("portcullis: {new} is not a configured issuer; its tokens are rejected until it is configured");
    }
    let rename = IssuerRename { from: old.clone(), to: new.clone() };
    let (moved, verb) = if dry_run {
        (issuers.preview_rename(rename).await?, "Would move")
    } else {
        (issuers.rename(&actor, rename).await?, "Moved")
    };
    let users = counted(&moved.people, "user");
    let service_accounts = counted(&moved.programs, "service account");
    println!("{verb} {users} and {service_accounts} from {old} to {new}");
    Ok(())
}
