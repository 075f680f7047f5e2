//! Sizes at which a file or a function holds a second idea. Tests do not count.

use std::fs;
use std::path::Path;

use super::graph::Graph;

const MAX_FILE_LINES: usize = 300;
const MAX_FUNCTION_LINES: usize = 50;

/// The lines of a source before its tests.
fn lines(path: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path)).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines().map(str::to_owned).collect()
}

/// The functions with a body, by name and number of lines. rustfmt closes a function in the column in which it begins.
fn functions(lines: &[String]) -> Vec<(&str, usize)> {
    let is_function = |line: &str| {
        let mut words = line.split_whitespace().take_while(|word| !word.contains("//"));
        line.contains("fn ") && words.any(|word| word == "fn") && !line.trim_end().ends_with([';', '}'])
    };
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function(line));
    let sized = starts.filter_map(|(start, line)| {
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == closing)? + 1;
        Some((line.trim(), length))
    });
    sized.collect()
}

#[test]
fn files_and_functions_stay_small() {
    let mut large = Vec::new();
    for (_, source) in Graph::of_src().sources() {
        let lines = lines(&source.path);
        if lines.len() > MAX_FILE_LINES {
            large.push(format!("src/{}: {} lines", source.path, lines.len()));
        }
        let long = functions(&lines).into_iter().filter(|(_, length)| *length > MAX_FUNCTION_LINES);
        large.extend(long.map(|(name, length)| format!("src/{}: {length} lines: {name}", source.path)));
    }
    assert!(large.is_empty(), "{}", large.join("\n"));
}
