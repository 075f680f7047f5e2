//! Reads the variables of the environment, and the files that they name.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::faults::Faults;
use super::list::{FILE_SUFFIX, known};
use super::section::Variables;

/// The known variables that are set and not empty, with their values.
pub(super) fn read(vars: impl Iterator<Item = (OsString, OsString)>, faults: &mut Faults) -> Variables {
    let mut values = BTreeMap::new();
    for (name, value) in vars {
        let Ok(name) = name.into_string() else { continue };
        let Some((variable, from_file)) = known(&name) else { continue };
        let text = match value.into_string() {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => Some(text),
            Err(_) => None,
        };
        let text = if from_file { text.and_then(read_file) } else { text };
        match text {
            None if from_file => faults.add(name, "the path of a readable UTF-8 file that holds the value"),
            None => faults.add(name, "valid UTF-8"),
            Some(text) if text.is_empty() => {}
            Some(text) => {
                if values.insert(variable.to_owned(), text).is_some() {
                    faults.add(format!("{variable}{FILE_SUFFIX}"), format!("absent when {variable} is set"));
                }
            }
        }
    }
    Variables(values)
}

fn read_file(path: String) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
}
