//! ARCHITECTURE.md names only files, folders and functions that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::graph::Graph;

/// The texts between backticks.
fn names(document: &str) -> BTreeSet<&str> {
    document
        .lines()
        .filter(|line| !line.starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

fn exists(root: &Path, path: &str, sources: &[String]) -> bool {
    let is_below_src = sources.iter().any(|source| source == path || source.ends_with(&format!("/{path}")));
    let is_folder = path
        .strip_suffix('/')
        .is_some_and(|folder| sources.iter().any(|source| source.contains(&format!("{folder}/"))));
    is_below_src || is_folder || root.join("src").join(path).exists() || root.join(path).exists()
}

#[test]
fn architecture_document_names_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let sources: Vec<String> = Graph::of_src().sources().map(|(_, source)| source.path.clone()).collect();
    let code: String = sources.iter().map(|path| fs::read_to_string(root.join("src").join(path)).unwrap()).collect();
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut missing = Vec::new();
    for name in names(&document) {
        let is_path = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_/.-".contains(c));
        if is_path
            && (name.ends_with(".rs") || name.ends_with('/'))
            && !name.starts_with('/')
            && !exists(root, name, &sources)
        {
            missing.push(name);
        }
        if name.contains("::") && !name.split("::").all(|word| words.contains(word)) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist: {missing:?}");
}
