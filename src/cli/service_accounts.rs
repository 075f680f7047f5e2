//! `portcullis service-accounts`: registers and lists service accounts.

use clap::Subcommand;

use super::table::{self, printable};
use crate::Clock;
use crate::api_types::ServiceAccountResponse;
use crate::app::Application;
use crate::cli::error::CommandError;
use crate::config::Config;
use crate::services::{Actor, NewServiceAccount, ServiceAccount, ServiceAccountService};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Register a service account, so that its tokens are accepted.
    Add {
        /// The client id at the issuer.
        client_id: String,
        /// The issuer of its tokens; defaults to the configured issuer if there is exactly one.
        #[arg(long)]
        issuer: Option<String>,
        /// The display name; defaults to the client id.
        #[arg(long)]
        name: Option<String>,
        /// A role to assign; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// Print a JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// List service accounts.
    List {
        /// Print a JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(application: &Application, config: &Config, command: Command) -> Result<(), CommandError> {
    let declared = std::sync::Arc::new(application.declared_permissions()?);
    let actor = Actor::command_line();
    let issuers = config.issuers();
    let only = if let [only] = issuers.as_slice() { only.clone() } else { String::new() };
    let accounts = ServiceAccountService::new(application.open_database(config)?, Clock::system(), declared, issuers);
    match command {
        Command::Add { client_id, issuer, name, roles, json } => {
            let display_name = name.unwrap_or_else(|| client_id.clone());
            let (issuer, roles) = (issuer.unwrap_or(only), roles.into_iter().collect());
            let new = NewServiceAccount { issuer, client_id, display_name, roles };
            print_added(accounts.register(&actor, new).await?, json)
        }
        Command::List { json } => list(&accounts, json).await,
    }
}

fn print_added(account: ServiceAccount, json: bool) -> Result<(), CommandError> {
    if json {
        println!("{}", serde_json::to_string_pretty(&ServiceAccountResponse::from(account))?);
    } else {
        println!("{} is {}", account.principal.id, account.principal.status);
    }
    Ok(())
}

/// How many service accounts one transaction reads.
const PAGE: u16 = 200;

async fn list(accounts: &ServiceAccountService, json: bool) -> Result<(), CommandError> {
    let mut page = accounts.list(PAGE, None).await?;
    let mut listed = page.items;
    while page.next.is_some() {
        page = accounts.list(PAGE, page.next).await?;
        listed.append(&mut page.items);
    }
    if json {
        let listed: Vec<ServiceAccountResponse> = listed.into_iter().map(Into::into).collect();
        println!("{}", serde_json::to_string_pretty(&listed)?);
    } else {
        table::print(["ID", "STATUS", "CLIENT", "NAME", "ISSUER"], listed.into_iter().map(row));
    }
    Ok(())
}

fn row(ServiceAccount { principal, issuer, client_id }: ServiceAccount) -> [String; 5] {
    let name = printable(&principal.display_name.unwrap_or_default());
    [principal.id.to_string(), principal.status.to_string(), printable(&client_id), name, issuer]
}
