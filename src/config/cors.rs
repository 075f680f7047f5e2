//! `CORS_`: which pages of other origins may read the answers.

use url::Url;

use super::environment::RawCors;
use super::faults::Faults;

/// Which pages of other origins may read the answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsConfig {
    /// Origins as browsers spell them; none where there is no such page.
    pub(crate) allowed_origins: Vec<String>,
}

impl CorsConfig {
    pub(super) fn parse(raw: RawCors, faults: &mut Faults) -> Self {
        Self { allowed_origins: origins("CORS_ALLOWED_ORIGINS", raw.allowed_origins.as_deref(), faults) }
    }
}

/// The origins of a comma-separated list. Each that is none is a fault of its own, named by its place, since values are not told.
pub(super) fn origins(variable: &str, raw: Option<&str>, faults: &mut Faults) -> Vec<String> {
    let entries = raw.into_iter().flat_map(|raw| raw.split(',')).map(str::trim).enumerate();
    let mut origins = Vec::new();
    for (index, entry) in entries.filter(|(_, entry)| !entry.is_empty()) {
        match fault_of(entry) {
            None => origins.push(entry.to_owned()),
            Some(fault) => faults.add(variable, format!("a list of exact origins, but entry {} {fault}", index + 1)),
        }
    }
    origins
}

/// What is wrong with an entry. Browsers send one spelling of an origin, which is compared octet by octet: another would never match.
fn fault_of(entry: &str) -> Option<&'static str> {
    if entry.contains('*') {
        return Some("is a wildcard, which would let every page read with the rights of whoever looks at it");
    }
    if entry == "null" {
        return Some("is `null`, which any sandboxed page can call itself");
    }
    let Ok(url) = Url::parse(entry) else { return Some("is no URL, such as https://app.example.com") };
    if !matches!(url.scheme(), "http" | "https") {
        return Some("is neither https nor http");
    }
    (url.origin().ascii_serialization() != entry).then_some(
        "has more than scheme, host in lower case, and a port that is not the usual one; no slash at its end",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<Vec<String>, String> {
        let mut faults = Faults::default();
        let origins = origins("CORS_ALLOWED_ORIGINS", Some(list), &mut faults);
        faults.into_result().map(|()| origins).map_err(|error| error.to_string())
    }

    #[test]
    fn origins_are_taken_as_browsers_spell_them() {
        let list =
            "https://app.example.com, http://localhost:5173,https://xn--bcher-kva.example:8443,http://[::1]:3000,";
        let expected = [
            "https://app.example.com",
            "http://localhost:5173",
            "https://xn--bcher-kva.example:8443",
            "http://[::1]:3000",
        ];
        assert_eq!(parse(list).unwrap(), expected);
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for bad in [
            "*",
            "https://*.example.com",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://App.example.com",
            "https://user@app.example.com",
            "https://app.example.com?query",
            "https://bücher.example",
            "ftp://app.example.com",
            "file:///index.html",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_entry_at_fault_is_told_by_its_place_and_none_by_its_value() {
        let told = parse("https://good.example,*,https://marked.example/,null").unwrap_err();
        for place in ["entry 2 is a wildcard", "entry 3 has more than", "entry 4 is `null`"] {
            assert!(told.contains(place), "{place} is missing from:\n{told}");
        }
        assert!(!told.contains("marked") && !told.contains("entry 1"), "{told}");
    }
}
