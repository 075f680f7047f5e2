//! `portcullis issuers`: what there is to do when an issuer itself changes.

use clap::{Args, Subcommand};

use super::CommandError;
use crate::Clock;
use crate::app::Application;
use crate::config::Config;
use crate::services::{Actor, IssuerRename, IssuerService};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Move everybody who is known by an issuer to its new URL: all in one transaction, or none.
    Rename {
        /// The issuer as it was, exactly as configured until now.
        old: String,
        /// The issuer as its tokens spell it from now on.
        new: String,
        /// Only say what would be moved.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(application: &Application, config: &Config, arguments: Arguments) -> Result<(), CommandError> {
    let Command::Rename { old, new, dry_run } = arguments.command;
    let actor = Actor::command_line();
    let issuers = IssuerService::new(application.open_database(config)?, Clock::system());
    if !config.oidc.as_ref().is_some_and(|oidc| oidc.trusts(&new)) {
        eprintln!(
            "portcullis: {new} is not among the issuers that are configured here: its tokens are not taken until it is"
        );
    }
    let rename = IssuerRename { from: old.clone(), to: new.clone() };
    let (moved, verb) = if dry_run {
        (issuers.preview_rename(rename).await?, "Would move")
    } else {
        (issuers.rename(&actor, rename).await?, "Moved")
    };
    println!("{verb} {} people and {} programs from {old} to {new}", moved.people, moved.programs);
    Ok(())
}
