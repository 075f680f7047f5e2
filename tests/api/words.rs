//! Every text that a person reads is plain technical English: retired words and names do not return.
//!
//! `docs/glossary.md` lists the retired names with their replacements, and is exempt; so is the changelog, which quotes earlier texts.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that no text uses: they put a person in place of a part, or a vague verb in place of an exact one.
const RETIRED_WORDS: &[&str] = &["whoever", "whom", "nobody", "somebody", "anew", "told"];
const RETIRED_PHRASES: &[&str] =
    &["of one's own", "one's own", "there is no such", "comes to nothing", "came to nothing"];

/// Former names of parts of the code.
const RETIRED_NAMES: &[&str] = &[
    "AboveYourRights",
    "Answering",
    "CutOff",
    "Finds",
    "INDISCREET",
    "Judged",
    "KeptClaims",
    "KeysInUse",
    "MachineMark",
    "OutsideChanges",
    "ProvedTokens",
    "Sealer",
    "SharedSets",
    "Sighting",
    "Surroundings",
    "WriteBeside",
    "condemn",
    "is_borne",
    "is_reader_s",
    "let_in",
    "prints_nothing",
    "require_reach",
    "service_account_standing",
    "shared_sets",
    "start_log",
    "user_records",
    "user_views",
    "vouches_for",
    "write_at_leisure",
    "write_beside",
    "write_touching",
];
/// Former names that are also words or names of other things, so that only their definitions are refused.
const RETIRED_DEFINITIONS: &[&str] = &[
    "Arrival",
    "Contact",
    "Directory",
    "Facts",
    "Freshness",
    "Gaps",
    "Govern",
    "Grounds",
    "Hurry",
    "Jar",
    "Knowledge",
    "Lane",
    "Lanes",
    "Leaving",
    "Link",
    "Mark",
    "Observe",
    "Person",
    "Plain",
    "Proof",
    "Readings",
    "Recognition",
    "Seats",
    "Standing",
    "Tally",
    "Terms",
    "Touched",
    "Turn",
    "Unwell",
    "exceptions",
    "let_in",
    "opaque_debug",
    "recall",
    "recognize",
    "sight",
];

/// What is read: sources, documents and everything that an operator opens.
const READ: &[&str] = &[
    "src",
    "tests",
    "benches",
    "examples",
    "fuzz/fuzz_targets",
    "fuzz/src",
    "docs",
    "deploy",
    "scripts",
    "migrations",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".env.sample",
    "Dockerfile",
    "compose.yaml",
    "build.rs",
    "Cargo.toml",
];
/// Exempt: this list, the glossary, and what other programs wrote.
const EXEMPT: &[&str] = &[
    "tests/api/words.rs",
    "docs/glossary.md",
    "node_modules",
    ".cache",
    "package-lock.json",
    "Cargo.lock",
    "target",
    "tests/fixtures",
    "dist",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list(path: &Path, files: &mut Vec<PathBuf>) {
    let relative = path.strip_prefix(root()).unwrap();
    if EXEMPT.iter().any(|exempt| relative.ends_with(exempt)) {
        return;
    }
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| list(&entry.unwrap().path(), files));
    } else if path.exists() {
        files.push(path.to_owned());
    }
}

/// The words of a line: runs of letters, digits and underscores.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn has_word(line: &str, word: &str) -> bool {
    // Identifiers too: `tell_whom` contains `whom`.
    words(line).any(|found| found.split('_').any(|part| part.eq_ignore_ascii_case(word)))
}

/// Whether the line defines an item of this name: `struct Jar`.
fn defines(line: &str, name: &str) -> bool {
    let kinds = ["struct", "enum", "trait", "type", "fn", "mod", "union"];
    let words: Vec<&str> = words(line).collect();
    words.windows(2).any(|pair| kinds.contains(&pair[0]) && pair[1] == name) && !line.trim_start().starts_with("//")
}

fn faults(line: &str) -> impl Iterator<Item = &'static str> {
    let words_and_names = RETIRED_WORDS.iter().filter(|word| has_word(line, word));
    let names = RETIRED_NAMES.iter().filter(|name| words(line).any(|word| word == **name));
    let phrases = RETIRED_PHRASES.iter().filter(|phrase| line.to_lowercase().contains(**phrase));
    let definitions = RETIRED_DEFINITIONS.iter().filter(|name| defines(line, name));
    words_and_names.chain(names).chain(phrases).chain(definitions).copied()
}

#[test]
fn retired_words_and_names_are_found_where_they_stand() {
    let found = |line: &str| faults(line).collect::<Vec<_>>();
    assert_eq!(found("/// Nobody signs in here."), ["nobody"]);
    assert_eq!(found("fn tell_whom(is_reader_s: bool)"), ["whom", "is_reader_s"]);
    assert_eq!(found("There is no such user"), ["there is no such"]);
    assert_eq!(found("pub(crate) enum Jar {"), ["Jar"]);
    assert_eq!(found("write!(f, \"Link: {}\")"), Vec::<&str>::new());
    assert_eq!(found("a cached caller; `untold` and `SomebodyElse` are other words"), Vec::<&str>::new());
}

#[test]
fn no_text_uses_retired_words_or_names() {
    let mut files = Vec::new();
    READ.iter().for_each(|path| list(&root().join(path), &mut files));
    assert!(files.len() > 400, "only {} files were found", files.len());
    let mut hits = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            let name = file.strip_prefix(root()).unwrap().display();
            hits.extend(faults(line).map(|word| format!("{name}:{}: {word}: {}", number + 1, line.trim())));
        }
    }
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
}
