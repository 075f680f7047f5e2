//! `.env.sample` and the tables of docs/configuration.md, which follow from the list.
//!
//! `cargo test --lib config::documents -- --ignored` writes both files.

use std::fmt::Write;
use std::path::Path;

use super::list::{FILE_SUFFIX, GROUPS};
use super::section::{Fallback, Spec};

const SAMPLE: &str = ".env.sample";
const DOCUMENTATION: &str = "docs/configuration.md";
/// The width of a comment in `.env.sample`.
const WIDTH: usize = 140;
const SAMPLE_HEAD: &str = "\
# Settings of Portcullis with their defaults. Copy this file to .env and edit it; see docs/configuration.md for details.
# An empty variable counts as absent. To read a value from a file, set NAME_FILE to the path of the file instead of NAME.
";
const TABLE_HEAD: &str = "| Variable | Type | Default | Rule | Description |";

/// The settings under each heading, in order.
fn by_title() -> Vec<(&'static str, Vec<&'static Spec>)> {
    let mut titles: Vec<(&str, Vec<&Spec>)> = Vec::new();
    for group in GROUPS {
        match titles.iter_mut().find(|(title, _)| *title == group.title) {
            Some((_, specs)) => specs.extend(group.settings),
            None => titles.push((group.title, group.settings.iter().collect())),
        }
    }
    titles
}

fn sample() -> String {
    let mut sample = SAMPLE_HEAD.to_owned();
    for (_, specs) in by_title() {
        sample.push('\n');
        specs.iter().for_each(|spec| write_sample_entry(&mut sample, spec));
    }
    sample
}

fn write_sample_entry(sample: &mut String, spec: &Spec) {
    let is_required = matches!(spec.default, Fallback::Described("required to serve"));
    let mut comment = without_links(spec.description);
    if let Fallback::Described(words) = spec.default
        && !is_required
        && !words.starts_with("none")
    {
        match words.strip_prefix("required ") {
            Some(condition) => write!(comment, " Required {condition}.").unwrap(),
            None => write!(comment, " Default: {words}.").unwrap(),
        }
    }
    if spec.is_secret {
        write!(comment, " Preferably in a file, with {}{FILE_SUFFIX}.", spec.variable).unwrap();
    }
    let mut lines = wrapped(&comment);
    let rule = (spec.rule)();
    if spec.kind != "flag" && !["a string", "a list of strings", "a non-empty string"].contains(&&*rule) {
        lines.extend(wrapped(&format!("Must be {rule}.")));
    }
    lines.iter().for_each(|line| writeln!(sample, "# {line}").unwrap());
    let value = spec.example.or(spec.default.value()).unwrap_or_default();
    let quote = if value.contains(' ') { "\"" } else { "" };
    let mark = if is_required { "" } else { "#" };
    writeln!(sample, "{mark}{}={quote}{value}{quote}", spec.variable).unwrap();
}

/// `text` with the path of a document in place of a link to it.
fn without_links(text: &str) -> String {
    let mut parts = text.split('[');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("](").unwrap();
        let (target, rest) = rest.split_once(')').unwrap();
        write!(plain, "docs/{}{rest}", target.split('#').next().unwrap()).unwrap();
    }
    plain
}

/// The lines of `text`, each at most [`WIDTH`] characters long.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= WIDTH {
            write!(line, " {word}").unwrap();
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The document with each table in place of the one under the same heading.
fn documentation(document: &str) -> String {
    let (mut written, mut missing) = (String::new(), by_title());
    let mut title = "";
    let mut lines = document.lines().peekable();
    while let Some(line) = lines.next() {
        title = line.strip_prefix("## ").unwrap_or(title);
        writeln!(written, "{line}").unwrap();
        if line == TABLE_HEAD {
            let index = missing.iter().position(|(missing, _)| *missing == title);
            let (_, specs) = missing.remove(index.unwrap_or_else(|| panic!("no settings belong under `{title}`")));
            writeln!(written, "| --- | --- | --- | --- | --- |").unwrap();
            specs.iter().for_each(|spec| writeln!(written, "{}", row(spec)).unwrap());
            while lines.next_if(|line| line.starts_with('|')).is_some() {}
        }
    }
    let missing: Vec<_> = missing.iter().map(|(title, _)| title).collect();
    assert!(missing.is_empty(), "{DOCUMENTATION} has no table under {missing:?}");
    written
}

fn row(spec: &Spec) -> String {
    let default = match spec.default {
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Described(words) => words.to_owned(),
    };
    let description = spec.description.replace("(configuration.md#", "(#");
    let cells =
        [format!("`{}`", spec.variable), spec.kind.to_owned(), default, (spec.rule)().into_owned(), description];
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn sample_and_documentation_follow_from_the_list() {
    let documentation = documentation(&read(DOCUMENTATION));
    for (path, expected) in [(SAMPLE, sample()), (DOCUMENTATION, documentation)] {
        let written = read(path);
        let line =
            1 + written.lines().zip(expected.lines()).take_while(|(written, expected)| written == expected).count();
        let hint = "run `cargo test --lib config::documents -- --ignored`";
        assert!(written == expected, "line {line} of {path} differs from the list; {hint}");
    }
}

/// The README's table has a few settings, in its own words.
#[test]
fn readme_gives_the_defaults_of_the_list() {
    let readme = read("README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let row = |spec: &Spec| rows.clone().find(|(variable, _)| *variable == spec.variable).map(|(_, rest)| rest);
    let all = by_title().into_iter().flat_map(|(_, specs)| specs);
    let documented: Vec<_> = all.filter_map(|spec| Some((spec, row(spec)?))).collect();
    assert!(documented.len() >= 10, "{}", documented.len());
    for (spec, rest) in documented {
        let default = spec.default.value().map(|value| format!("`{value}` | "));
        assert!(default.is_none_or(|default| rest.starts_with(&default)), "{}: {rest}", spec.variable);
    }
}

#[test]
#[ignore = "writes .env.sample and docs/configuration.md"]
fn write_sample_and_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documentation = documentation(&read(DOCUMENTATION));
    std::fs::write(root.join(SAMPLE), sample()).unwrap();
    std::fs::write(root.join(DOCUMENTATION), documentation).unwrap();
}
