//! `portcullis roles`: lists roles.

use clap::Subcommand;

use super::error::CommandError;
use super::table;
use crate::Clock;
use crate::api_types::RoleResponse;
use crate::app::Application;
use crate::config::Config;
use crate::models::permission::Permission;
use crate::services::{RoleService, RoleWithPermissions};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List roles with their permissions.
    List {
        /// Print a JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(application: &Application, config: &Config, command: Command) -> Result<(), CommandError> {
    let declared = std::sync::Arc::new(application.declared_permissions()?);
    let roles = RoleService::new(application.open_database(config)?, Clock::system(), declared);
    let Command::List { json } = command;
    let listed = roles.list().await?;
    if json {
        let listed: Vec<RoleResponse> = listed.into_iter().map(Into::into).collect();
        println!("{}", serde_json::to_string_pretty(&listed)?);
    } else {
        table::print(["NAME", "BUILT IN", "PERMISSIONS"], listed.into_iter().map(row));
    }
    Ok(())
}

fn row(RoleWithPermissions { role, permissions }: RoleWithPermissions) -> [String; 3] {
    let names: Vec<_> = permissions.iter().map(Permission::name).collect();
    [role.name, if role.built_in { "yes" } else { "no" }.to_owned(), names.join(" ")]
}
