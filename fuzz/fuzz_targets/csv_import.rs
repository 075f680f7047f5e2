//! A CSV file of users: each line is accepted or rejected, and each identity is accepted at most once.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::csv_import;

fuzz_target!(|file: &[u8]| {
    let Some(lines) = csv_import(file) else { return };
    assert!(lines.len() <= file.iter().filter(|octet| matches!(octet, b'\n' | b'\r')).count() + 1);
    let mut seen = HashSet::new();
    for (issuer, subject) in lines.into_iter().flatten() {
        // Quotes may be doubled, or be delimiters.
        let bare = |text: &[u8]| text.iter().copied().filter(|octet| *octet != b'"').collect::<Vec<_>>();
        let written = |text: &str| contains(&bare(file), &bare(text.as_bytes()));
        assert!(written(&issuer) && written(&subject), "{issuer:?} {subject:?} is not in the file");
        assert!(seen.insert((issuer, subject)), "an identity was accepted twice");
    }
});

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}
