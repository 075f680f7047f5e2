//! `portcullis routes`: lists every route with its access.

use super::error::CommandError;
use super::table;
use crate::app::Application;

pub(super) fn run(application: &Application) -> Result<(), CommandError> {
    let catalogue = application.catalogue(&application.declared_permissions()?, "")?;
    let rows = catalogue
        .entries()
        .iter()
        .map(|route| [route.method.to_string(), route.path.clone(), route.access.to_string()]);
    table::print(["METHOD", "PATH", "ACCESS"], rows);
    Ok(())
}
