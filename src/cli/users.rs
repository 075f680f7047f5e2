//! `portcullis users`: what an operator needs without the API, above all the way back in.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::table::{self, printable};
use super::{CommandError, users_import};
use crate::Clock;
use crate::api_types::{AuditEventResponse, UserDetailResponse, UserExportResponse, UserResponse, rfc3339};
use crate::app::Application;
use crate::config::Config;
use crate::models::{Moment, Principal, PrincipalId};
use crate::services::{Actor, HeldRole, KnownPrincipal, UserService};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List people.
    List {
        /// One JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show a person with their roles.
    Show {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
        /// A JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Grant a person a role.
    Grant {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
        /// The role's name, as `admin`.
        role: String,
        /// When the grant ends by itself (RFC 3339).
        #[arg(long)]
        expires_at: Option<DateTime<Utc>>,
    },
    /// Print all that is held on a person, as JSON.
    Export {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
    },
    /// Add people from a CSV file.
    Import(users_import::Arguments),
    /// Take a role from a person.
    RevokeRole {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
        /// The role's name, as `auditor`.
        role: String,
    },
    /// Void every token that a person has; they have to sign in again.
    Revoke {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
    },
    /// Shut a person out, whatever their token says.
    Disable {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
        /// Why, for other admins to read.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let a person in who is disabled or waits for approval.
    Enable {
        /// The person's id, as `users list` shows it.
        id: PrincipalId,
    },
}

pub(super) async fn run(application: &Application, config: &Config, arguments: Arguments) -> Result<(), CommandError> {
    let declared = std::sync::Arc::new(application.declared_permissions()?);
    let actor = Actor::command_line();
    let users = UserService::new(application.open_database(config)?, Clock::system(), declared, config.issuers());
    let changed = match arguments.command {
        Command::List { json } => return list(&users, json).await,
        Command::Show { id, json } => return show(users.find(id).await?, json),
        Command::Grant { id, role, expires_at } => users.grant_role(&actor, id, &role, expires_at, None).await?,
        Command::Export { id } => return export(&users, &actor, id).await,
        Command::Import(arguments) => {
            let only_issuer = <[String; 1]>::try_from(config.issuers()).map(|[only]| only).ok();
            return users_import::run(&users, &actor, only_issuer, arguments).await;
        }
        Command::RevokeRole { id, role } => users.revoke_role(&actor, id, &role, None).await?,
        Command::Revoke { id } => users.revoke(&actor, id, None).await?,
        Command::Disable { id, reason } => users.disable(&actor, id, reason, None).await?,
        Command::Enable { id } => users.enable(&actor, id, None).await?,
    };
    describe(&changed);
    Ok(())
}

/// Says how the person stands after the change.
fn describe(user: &KnownPrincipal) {
    let roles: Vec<&str> = user.roles().iter().map(|role| role.name.as_str()).collect();
    println!("{} is {}, with the roles: {}", user.principal().id, user.principal().status, roles.join(", "));
}

/// Prints all that is stored on a user, the audit trail a page at a time.
async fn export(users: &UserService, actor: &Actor, id: PrincipalId) -> Result<(), CommandError> {
    let export = UserExportResponse::from(users.export(actor, id).await?);
    let (opening, closing) = export.around_audit_events()?;
    let mut out = BufWriter::new(io::stdout().lock());
    write!(out, "{opening}").map_err(CommandError::Print)?;
    let (mut after, mut separator) = (None, "");
    loop {
        let page = users.history(id, after, PAGE).await?;
        for entry in page.items {
            write!(out, "{separator}").map_err(CommandError::Print)?;
            serde_json::to_writer(&mut out, &AuditEventResponse::from(entry))?;
            separator = ",";
        }
        after = page.next;
        if after.is_none() {
            writeln!(out, "{closing}").map_err(CommandError::Print)?;
            return out.flush().map_err(CommandError::Print);
        }
    }
}

fn show(user: KnownPrincipal, json: bool) -> Result<(), CommandError> {
    if json {
        println!("{}", serde_json::to_string_pretty(&UserDetailResponse::from(user))?);
        return Ok(());
    }
    let (person, end) = (user.principal(), |end: Option<Moment>| end.map(|end| rfc3339(end.utc())).unwrap_or_default());
    let text = |text: &Option<String>| printable(text.as_deref().unwrap_or_default());
    table::print(["ID", "STATUS", "USERNAME", "NAME"], [row(person.clone())]);
    println!();
    table::print(
        ["E-MAIL", "REASON", "ENDS", "LAST SEEN"],
        [[text(&person.email), text(&person.disabled_reason), end(person.expires_at), end(person.last_seen_at)]],
    );
    println!();
    let role = |role: &HeldRole| [role.name.clone(), role.source.as_str().to_owned(), end(role.expires_at)];
    table::print(["ROLE", "SOURCE", "ENDS"], user.roles().iter().map(role));
    Ok(())
}

/// How many people one transaction reads.
const PAGE: u16 = 200;

async fn list(users: &UserService, json: bool) -> Result<(), CommandError> {
    let mut page = users.list(PAGE, None).await?;
    let mut people = page.items;
    while page.next.is_some() {
        page = users.list(PAGE, page.next).await?;
        people.append(&mut page.items);
    }
    if json {
        let people: Vec<UserResponse> = people.into_iter().map(Into::into).collect();
        println!("{}", serde_json::to_string_pretty(&people)?);
    } else {
        table::print(["ID", "STATUS", "USERNAME", "NAME"], people.into_iter().map(row));
    }
    Ok(())
}

fn row(person: Principal) -> [String; 4] {
    let [username, name] = [person.username, person.display_name].map(|text| printable(&text.unwrap_or_default()));
    [person.id.to_string(), person.status.to_string(), username, name]
}
