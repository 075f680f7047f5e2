//! `portcullis config`: what each setting is in effect, and where it comes from.

use super::{CommandError, table};
use crate::config::{self, Config};

/// Prints every variable, secrets as stars, also where the configuration can't be used; then it fails with what is wrong.
pub(super) fn run() -> Result<(), CommandError> {
    let (settings, config) = Config::with_origins();
    let rows = settings
        .into_iter()
        .map(|setting| [setting.variable.to_owned(), table::printable(&setting.value), setting.origin.to_string()]);
    table::print(["VARIABLE", "VALUE", "FROM"], rows);
    for variable in config::unknown_variables() {
        eprintln!("portcullis: {variable}");
    }
    config?;
    Ok(())
}
