//! Plain-text tables.

use comfy_table::{ContentArrangement, Table, presets};

/// Prints rows under their headings, in columns without borders, so that `grep`, `awk` and `column` can process them.
pub(super) fn print<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(headings);
    for row in rows {
        table.add_row(row);
    }
    for line in table.lines() {
        println!("{}", line.trim());
    }
}

/// The text without control characters. Names come from the provider and could contain terminal escape sequences.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The number with its noun, which is plural unless the number is one.
pub(super) fn counted(number: &usize, noun: &str) -> String {
    if *number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
