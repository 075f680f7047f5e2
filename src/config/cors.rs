//! `CORS_`: the origins whose pages may read responses.

use url::Url;

use super::environment::RawCors;
use super::faults::Faults;

/// The origins whose pages may read responses.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsConfig {
    /// Origins as browsers serialize them.
    pub(crate) allowed_origins: Vec<String>,
}

impl CorsConfig {
    pub(super) fn parse(raw: RawCors, faults: &mut Faults) -> Self {
        Self { allowed_origins: origins("CORS_ALLOWED_ORIGINS", raw.allowed_origins.as_deref(), faults) }
    }
}

/// The origins of a comma-separated list. Each invalid entry is a fault, identified by its position because values are not printed.
pub(super) fn origins(variable: &str, raw: Option<&str>, faults: &mut Faults) -> Vec<String> {
    let entries = raw.into_iter().flat_map(|raw| raw.split(',')).map(str::trim).enumerate();
    let mut origins = Vec::new();
    for (index, entry) in entries.filter(|(_, entry)| !entry.is_empty()) {
        match fault_of(entry) {
            None => origins.push(entry.to_owned()),
            Some(fault) => faults.add(variable, format!("a list of exact origins; entry {} {fault}", index + 1)),
        }
    }
    origins
}

/// Why an entry is not an origin. Browsers send one spelling, which is compared byte for byte: any other would never match.
fn fault_of(entry: &str) -> Option<&'static str> {
    if entry.contains('*') {
        return Some("is a wildcard, which would let any page read responses with the rights of its visitor");
    }
    if entry == "null" {
        return Some("is `null`, an origin that any sandboxed page can have");
    }
    let Ok(url) = Url::parse(entry) else { return Some("is not a URL such as https://app.example.com") };
    if !matches!(url.scheme(), "http" | "https") {
        return Some("uses neither https nor http");
    }
    (url.origin().ascii_serialization() != entry).then_some(
        "has more than a scheme, a lower-case host and a non-default port; remove the rest, including a trailing slash",
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
    fn origins_as_browsers_serialize_them_are_accepted() {
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
    fn entries_that_no_browser_sends_are_rejected() {
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
    fn invalid_entries_are_reported_by_position_and_never_by_value() {
        let message = parse("https://good.example,*,https://marked.example/,null").unwrap_err();
        for fragment in ["entry 2 is a wildcard", "entry 3 has more than", "entry 4 is `null`"] {
            assert!(message.contains(fragment), "{fragment} is missing from:\n{message}");
        }
        assert!(!message.contains("marked") && !message.contains("entry 1"), "{message}");
    }
}
