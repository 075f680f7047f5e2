//! The issuers file (`OIDC_ISSUERS_FILE`): TOML with one `[[issuer]]` block per issuer. Faults name the line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::block::{Block, Entry, Written};
use crate::config::faults::Faults;

const VARIABLE: &str = "OIDC_ISSUERS_FILE";

/// The issuer blocks of the file, in order.
pub(in crate::config) fn blocks(text: &str, faults: &mut Faults) -> Vec<Block> {
    let file = File(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = file.line(error.span().map_or(0, |span| span.start));
        faults.add(line, format!("valid TOML: {}", error.message()));
    }
    if !errors.is_empty() {
        return Vec::new();
    }
    let mut document = file.block(VARIABLE.to_owned(), document.into_inner());
    let issuers = document.blocks("issuer", faults);
    document.finish(faults);
    if issuers.is_empty() {
        faults.add(VARIABLE, "the path of a file with at least one [[issuer]]");
    }
    issuers
}

struct File<'a>(&'a str);

impl File<'_> {
    fn line(&self, offset: usize) -> String {
        let before = self.0.as_bytes().get(..offset).unwrap_or_default();
        format!("{VARIABLE}, line {}", 1 + before.iter().filter(|byte| **byte == b'\n').count())
    }

    fn block(&self, place: String, table: DeTable<'_>) -> Block {
        let entries = table.into_iter().map(|(name, value)| {
            let name = name.into_inner();
            (name.to_string(), self.entry(&name, value))
        });
        Block::in_file(place, entries.collect())
    }

    /// The setting `name`, or an element of its list.
    fn entry(&self, name: &str, value: Spanned<DeValue<'_>>) -> Entry {
        let line = self.line(value.span().start);
        let place = format!("{line}, `{name}`");
        let value = match value.into_inner() {
            DeValue::String(text) => Written::Text(text.into_owned()),
            DeValue::Boolean(flag) => Written::Flag(flag),
            DeValue::Array(list) => Written::List(list.into_iter().map(|value| self.entry(name, value)).collect()),
            DeValue::Table(table) => Written::Block(self.block(line, table)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Written::Other,
        };
        Entry { place, value }
    }
}
