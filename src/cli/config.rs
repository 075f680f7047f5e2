//! `portcullis config`: prints the effective value and the source of each setting.

use super::error::CommandError;
use super::table;
use crate::config::{self, Config};

/// Prints every variable, with secrets masked. An invalid configuration is printed too and then fails with its faults.
pub(super) fn run() -> Result<(), CommandError> {
    let (settings, config) = Config::with_origins();
    let rows = settings
        .into_iter()
        .map(|setting| [setting.variable.to_owned(), table::printable(&setting.value), setting.origin.to_string()]);
    table::print(["VARIABLE", "VALUE", "SOURCE"], rows);
    for variable in config::unknown_variables() {
        eprintln!("portcullis: {variable}");
    }
    config?;
    Ok(())
}
