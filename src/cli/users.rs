//! `portcullis users`: user administration without the API, for example to restore access for an administrator.

use std::io::{self, BufWriter, Write};

use clap::Subcommand;

use super::error::CommandError;
use super::table::{self, printable};
use super::users_import;
use crate::Clock;
use crate::api_types::{AuditEventResponse, UserDetailResponse, UserExportResponse, UserResponse, rfc3339};
use crate::app::Application;
use crate::config::Config;
use crate::models::{ClientTime, Moment, Principal, PrincipalId};
use crate::services::{Actor, HeldRole, KnownPrincipal, UserService};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List users.
    List {
        /// Print a JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show a user with their roles.
    Show {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
        /// Print a JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Assign a role to a user.
    Grant {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
        /// The role's name, such as `admin`.
        role: String,
        /// When the assignment expires (RFC 3339).
        #[arg(long)]
        expires_at: Option<ClientTime>,
    },
    /// Print all data stored about a user, as JSON.
    Export {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
    },
    /// Add users from a CSV file.
    Import(users_import::Arguments),
    /// Remove a role from a user.
    RevokeRole {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
        /// The role's name, such as `auditor`.
        role: String,
    },
    /// Revoke all tokens of a user, who then has to sign in again.
    Revoke {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
    },
    /// Disable a user: requests are refused even with a valid token.
    Disable {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
        /// The reason, shown to administrators.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Enable a user who is disabled or pending approval.
    Enable {
        /// The user's id, as shown by `users list`.
        id: PrincipalId,
    },
}

pub(super) async fn run(application: &Application, config: &Config, command: Command) -> Result<(), CommandError> {
    let declared = std::sync::Arc::new(application.declared_permissions()?);
    let actor = Actor::command_line();
    let users = UserService::new(application.open_database(config)?, Clock::system(), declared, config.issuers());
    let changed = match command {
        Command::List { json } => return list(&users, json).await,
        Command::Show { id, json } => return show(users.find(id).await?, json),
        Command::Grant { id, role, expires_at } => {
            users.grant_role(&actor, id, &role, expires_at.map(ClientTime::utc), None).await?
        }
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

/// Prints the user's status and roles after the change.
fn describe(user: &KnownPrincipal) {
    let roles: Vec<&str> = user.roles().iter().map(|role| role.name.as_str()).collect();
    println!("{} is {}, with the roles: {}", user.principal().id, user.principal().status, roles.join(", "));
}

/// Prints all data stored about a user. The audit trail is read one page at a time.
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
    let principal = user.principal();
    let time = |time: Option<Moment>| time.map(|time| rfc3339(time.utc())).unwrap_or_default();
    let text = |text: &Option<String>| printable(text.as_deref().unwrap_or_default());
    table::print(["ID", "STATUS", "USERNAME", "NAME"], [row(principal.clone())]);
    println!();
    table::print(
        ["E-MAIL", "REASON", "EXPIRES", "LAST SEEN"],
        [[
            text(&principal.email),
            text(&principal.disabled_reason),
            time(principal.expires_at),
            time(principal.last_seen_at),
        ]],
    );
    println!();
    let role = |role: &HeldRole| [role.name.clone(), role.source.as_str().to_owned(), time(role.expires_at)];
    table::print(["ROLE", "SOURCE", "EXPIRES"], user.roles().iter().map(role));
    Ok(())
}

/// How many users one transaction reads.
const PAGE: u16 = 200;

async fn list(users: &UserService, json: bool) -> Result<(), CommandError> {
    let mut page = users.list(PAGE, None).await?;
    let mut listed = page.items;
    while page.next.is_some() {
        page = users.list(PAGE, page.next).await?;
        listed.append(&mut page.items);
    }
    if json {
        let listed: Vec<UserResponse> = listed.into_iter().map(Into::into).collect();
        println!("{}", serde_json::to_string_pretty(&listed)?);
    } else {
        table::print(["ID", "STATUS", "USERNAME", "NAME"], listed.into_iter().map(row));
    }
    Ok(())
}

fn row(user: Principal) -> [String; 4] {
    let [username, name] = [user.username, user.display_name].map(|text| printable(&text.unwrap_or_default()));
    [user.id.to_string(), user.status.to_string(), username, name]
}
