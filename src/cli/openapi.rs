//! `portcullis openapi`: prints the OpenAPI document.

use crate::app::Application;
use crate::cli::error::CommandError;
use crate::config::{Config, OidcConfig};

pub(super) fn run(application: &Application, config: &Config) -> Result<(), CommandError> {
    let scope_prefix = config.oidc.as_ref().map_or("", OidcConfig::scope_prefix);
    let catalogue = application.catalogue(&application.declared_permissions()?, scope_prefix)?;
    println!("{}", serde_json::to_string_pretty(&catalogue.openapi())?);
    Ok(())
}
