//! The raw settings of an issuer, each with its location. Variables and blocks of the issuers file have the same form from here on.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::config::faults::Faults;

/// A group of settings. Entries that remain unread are unknown and become faults in `finish`.
pub(in crate::config) struct Block {
    place: SettingLocation,
    entries: BTreeMap<String, Entry>,
}

/// One setting.
pub(in crate::config) struct Entry {
    /// The location, as a fault names it.
    pub(super) place: String,
    pub(super) value: Written,
}

/// A raw value.
pub(in crate::config) enum Written {
    Text(String),
    Flag(bool),
    List(Vec<Entry>),
    Block(Block),
    /// A number or a time. No setting has such a value.
    Other,
}

/// How to name a setting that is absent.
pub(in crate::config) enum SettingLocation {
    /// By its variable: pairs of setting and variable.
    Variables(&'static [(&'static str, &'static str)]),
    /// By the location of its block.
    File(String),
}

impl Block {
    pub(super) fn new(place: SettingLocation, entries: BTreeMap<String, Entry>) -> Self {
        Self { place, entries }
    }

    /// The settings of the variables in `names`, whose values are in the same order in `values`.
    pub(in crate::config) fn of_variables(
        names: &'static [(&'static str, &'static str)],
        values: impl IntoIterator<Item = Option<String>>,
    ) -> Self {
        let set = names.iter().zip(values).filter_map(|((setting, variable), value)| {
            Some(((*setting).to_owned(), Entry { place: (*variable).to_owned(), value: Written::Text(value?) }))
        });
        Self::new(SettingLocation::Variables(names), set.collect())
    }

    /// The location of `setting` as a fault names it, whether the setting is present or not.
    pub(in crate::config) fn place_of(&self, setting: &str) -> String {
        let absent = || match &self.place {
            SettingLocation::Variables(names) => names
                .iter()
                .find(|(name, _)| *name == setting)
                .map_or_else(|| setting.to_owned(), |(_, variable)| (*variable).to_owned()),
            SettingLocation::File(place) => format!("{place}, `{setting}`"),
        };
        self.entries.get(setting).map_or_else(absent, |entry| entry.place.clone())
    }

    /// The location of the block as a fault names it.
    pub(super) fn place(&self) -> String {
        match &self.place {
            SettingLocation::Variables(_) => self.place_of("issuer"),
            SettingLocation::File(place) => place.clone(),
        }
    }

    pub(super) fn has(&self, setting: &str) -> bool {
        self.entries.contains_key(setting)
    }

    /// Removes a setting that is already reported.
    pub(super) fn drop(&mut self, setting: &str) {
        self.entries.remove(setting);
    }

    /// The parsed setting, or `default` if it is absent. Returns `None` and adds a fault if it does not parse.
    pub(super) fn parse<T>(
        &mut self,
        setting: &str,
        default: T,
        must_be: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        faults: &mut Faults,
    ) -> Option<T> {
        let Some(entry) = self.entries.remove(setting) else { return Some(default) };
        let parsed = match &entry.value {
            Written::Text(text) => parse(text.trim()),
            _ => None,
        };
        if parsed.is_none() {
            faults.add(entry.place, must_be);
        }
        parsed
    }

    /// Any string; `default` if the setting is absent.
    pub(super) fn text(&mut self, setting: &str, default: &str, faults: &mut Faults) -> Option<String> {
        self.parse(setting, default.to_owned(), "a string", |text| Some(text.to_owned()), faults)
    }

    /// A string given directly or in the file named by `<setting>_file`. Often a secret.
    pub(super) fn text_or_file(&mut self, setting: &str, faults: &mut Faults) -> Option<Option<SecretString>> {
        let file_setting = format!("{setting}_file");
        if self.has(setting) && self.has(&file_setting) {
            faults.add(self.place_of(&file_setting), format!("absent when `{setting}` is set"));
        }
        let filled = |text: &str| Some(text).filter(|text| !text.is_empty()).map(|text| Some(SecretString::from(text)));
        let written = self.parse(setting, None, "a non-empty string", filled, faults);
        let read = |path: &str| {
            let text = SecretString::from(std::fs::read_to_string(path).ok()?);
            filled(text.expose_secret().trim_end_matches(['\r', '\n']))
        };
        let rule = "the path of a readable, non-empty UTF-8 file";
        let in_file = self.parse(&file_setting, None, rule, read, faults);
        Some(written?.or(in_file?))
    }

    /// A boolean. A variable has the text `true` or `false`.
    pub(super) fn flag(&mut self, setting: &str, default: bool, faults: &mut Faults) -> Option<bool> {
        if let Some(Entry { value: Written::Flag(flag), .. }) = self.entries.get(setting) {
            let flag = *flag;
            self.entries.remove(setting);
            return Some(flag);
        }
        self.parse(setting, default, "`true` or `false`", |text| text.parse().ok(), faults)
    }

    /// A list of strings, each with its location. A single string is a comma-separated list, as in a variable.
    pub(super) fn list(&mut self, setting: &str, faults: &mut Faults) -> Vec<(String, String)> {
        let Some(Entry { place, value }) = self.entries.remove(setting) else { return Vec::new() };
        let entries = match value {
            Written::List(entries) => entries,
            Written::Text(text) => return split(&text).map(|text| (place.clone(), text.to_owned())).collect(),
            _ => {
                faults.add(place, "a list of strings");
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for Entry { place, value } in entries {
            match value {
                Written::Text(text) if !text.trim().is_empty() => texts.push((place, text.trim().to_owned())),
                _ => faults.add(place, "a non-empty string"),
            }
        }
        texts
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

/// The non-empty entries of a comma-separated list.
pub(in crate::config) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
