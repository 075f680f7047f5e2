//! The settings of one issuer as they were written, each with its location: the variables, or a block of the issuers file.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::faults::Faults;
use super::setting::Setting;
use super::value::Value;

/// A group of settings. Entries that remain unread are unknown and become faults in `finish`.
pub(super) struct Block {
    /// The location of the block as a fault names it.
    place: String,
    /// The locations of its settings, also of those that were read.
    places: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry>,
    /// The values by variable, if the block consists of variables. It then has no entries.
    variables: Option<BTreeMap<String, String>>,
}

/// One setting.
pub(super) struct Entry {
    /// The location, as a fault names it.
    pub(super) place: String,
    pub(super) value: Written,
}

/// A raw value.
pub(super) enum Written {
    Text(String),
    Flag(bool),
    List(Vec<Entry>),
    Block(Block),
    /// A number or a time. No setting has such a value.
    Other,
}

impl Block {
    /// A block of the issuers file.
    pub(super) fn in_file(place: String, entries: BTreeMap<String, Entry>) -> Self {
        let places = entries.iter().map(|(setting, entry)| (setting.clone(), entry.place.clone())).collect();
        Self { place, places, entries, variables: None }
    }

    /// The issuer that is set by variables. `names` holds each setting with its variable.
    pub(super) fn of_variables(
        place: &str,
        names: impl Iterator<Item = (&'static str, &'static str)>,
        values: BTreeMap<String, String>,
    ) -> Self {
        let places = names.map(|(setting, variable)| (setting.to_owned(), variable.to_owned())).collect();
        Self { place: place.to_owned(), places, entries: BTreeMap::new(), variables: Some(values) }
    }

    /// The values by variable; `None` for a block of the issuers file.
    pub(super) fn variables(&self) -> Option<&BTreeMap<String, String>> {
        self.variables.as_ref()
    }

    /// The location of `setting` as a fault names it, whether the setting is present or not.
    pub(super) fn place_of(&self, setting: &str) -> String {
        self.places.get(setting).cloned().unwrap_or_else(|| format!("{}, `{setting}`", self.place))
    }

    /// The location of the block as a fault names it.
    pub(super) fn place(&self) -> String {
        self.place.clone()
    }

    /// Whether the block of the issuers file has this setting and it was not read yet.
    pub(super) fn has(&self, setting: &str) -> bool {
        self.entries.contains_key(setting)
    }

    /// The setting of this name. A bad value is reported.
    pub(super) fn read<T: Value>(&mut self, setting: &str, faults: &mut Faults) -> Setting<T> {
        let file_setting = format!("{setting}_file");
        let in_file = self.has(&file_setting) && T::MAY_BE_IN_FILE;
        if in_file && self.has(setting) {
            faults.add(self.place_of(&file_setting), format!("absent when `{setting}` is set"));
            self.entries.remove(&file_setting);
        }
        match self.entries.remove(setting) {
            Some(Entry { place, value: Written::List(entries) }) => read_list(&place, &entries, faults),
            Some(Entry { place, value }) => {
                let setting = match value {
                    Written::Text(text) => Setting::of(&text),
                    Written::Flag(flag) => Setting::of_value(T::of_flag(flag)),
                    _ => Setting::of_value(None),
                };
                setting.report(&place, faults);
                setting
            }
            None if in_file => self.read_file(&file_setting, faults),
            None => Setting::Absent,
        }
    }

    /// The value in the file that a setting names. Often a secret.
    fn read_file<T: Value>(&mut self, file_setting: &str, faults: &mut Faults) -> Setting<T> {
        let path = match self.entries.remove(file_setting) {
            Some(Entry { value: Written::Text(path), .. }) => Some(path),
            _ => None,
        };
        let text = path.and_then(|path| std::fs::read_to_string(path.trim()).ok()).map(SecretString::from);
        match text.as_ref().map(|text| text.expose_secret().trim_end_matches(['\r', '\n'])) {
            Some(text) if !text.is_empty() => {
                let setting = Setting::of(text);
                setting.report(&self.place_of(file_setting), faults);
                setting
            }
            _ => {
                faults.add(self.place_of(file_setting), "the path of a readable, non-empty UTF-8 file");
                Setting::Bad(Vec::new())
            }
        }
    }

    /// The blocks of a list, or a single block.
    pub(super) fn blocks(&mut self, setting: &str, faults: &mut Faults) -> Vec<Self> {
        let Some(Entry { place, value }) = self.entries.remove(setting) else { return Vec::new() };
        let entries = match value {
            Written::List(entries) => entries,
            value => vec![Entry { place, value }],
        };
        let mut blocks = Vec::new();
        for Entry { place, value } in entries {
            match value {
                Written::Block(block) => blocks.push(block),
                _ => faults.add(place, "a table of settings"),
            }
        }
        blocks
    }

    /// Reports the remaining entries as unknown settings, which are most likely misspelt.
    pub(super) fn finish(self, faults: &mut Faults) {
        for entry in self.entries.into_values() {
            faults.add(entry.place, "removed: unknown setting");
        }
    }
}

/// A list, in which each bad entry is reported with its own location.
fn read_list<T: Value>(place: &str, entries: &[Entry], faults: &mut Faults) -> Setting<T> {
    let mut texts = Vec::new();
    let mut bad = Vec::new();
    for entry in entries {
        match &entry.value {
            Written::Text(text) if !text.trim().is_empty() => {
                texts.push(text.trim());
                if T::of_entries(&[text.trim()]).is_none() {
                    bad.push((&*entry.place, T::rule()));
                }
            }
            _ => bad.push((&*entry.place, "a non-empty string".into())),
        }
    }
    let list = T::of_entries(&texts);
    if list.is_none() && bad.is_empty() {
        bad.push((place, T::rule()));
    }
    match list {
        Some(list) if bad.is_empty() => Setting::Good(list),
        _ => {
            bad.into_iter().for_each(|(place, rule)| faults.add(place, rule));
            Setting::Bad(Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::List;

    fn block(entries: Vec<(&str, Written)>) -> Block {
        let entries = entries.into_iter().enumerate().map(|(line, (setting, value))| {
            (setting.to_owned(), Entry { place: format!("line {}, `{setting}`", line + 2), value })
        });
        Block::in_file("line 1".to_owned(), entries.collect())
    }

    fn text(text: &str) -> Written {
        Written::Text(text.to_owned())
    }

    #[test]
    fn location_of_a_setting_is_known_after_it_was_read() {
        let mut block = block(vec![("name", text("a"))]);
        let setting: Setting<String> = block.read("name", &mut Faults::default());
        assert!(setting.is_set() && !block.has("name"));
        assert_eq!((&*block.place_of("name"), &*block.place_of("other")), ("line 2, `name`", "line 1, `other`"));
    }

    #[test]
    fn each_bad_entry_of_a_list_is_reported_at_its_location() {
        let entry = |line: usize, value| Entry { place: format!("line {line}"), value };
        let list = vec![entry(3, text("a")), entry(4, Written::Other), entry(5, text(" "))];
        let mut faults = Faults::default();
        let setting: Setting<List<String>> = block(vec![("list", Written::List(list))]).read("list", &mut faults);
        assert!(setting.good().is_none());
        let error = faults.into_result().unwrap_err();
        assert_eq!(error.faults().iter().map(|fault| fault.variable()).collect::<Vec<_>>(), ["line 4", "line 5"]);
    }

    #[test]
    fn secret_is_read_from_its_file_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "marked\n").unwrap();
        let path = || text(path.to_str().unwrap());
        let read = |entries| {
            let mut faults = Faults::default();
            let setting: Setting<SecretString> = block(entries).read("secret", &mut faults);
            faults.into_result().map(|()| setting.good().unwrap().expose_secret().to_owned())
        };
        assert_eq!(read(vec![("secret_file", path())]).unwrap(), "marked");
        let twice = read(vec![("secret", text("marked")), ("secret_file", path())]).unwrap_err().to_string();
        assert!(twice.contains("line 3, `secret_file` must be absent when `secret` is set"), "{twice}");
        let absent = read(vec![("secret_file", text("/nowhere"))]).unwrap_err().to_string();
        assert!(absent.contains("the path of a readable") && !absent.contains("nowhere"), "{absent}");
    }
}
