//! `CORS_`: the origins whose pages may read responses.

use url::Url;

use super::section::{NONE, section};
use super::value::Value;

section!("CORS", "CORS_", CorsSection {
    /// The origins of pages that may call this service from a browser with a token. See [browser.md](browser.md#cors).
    allowed_origins: Origins => NONE, example "https://app.example.com";
});

/// The origins whose pages may read responses.
#[derive(Clone, Debug, Default)]
pub(crate) struct CorsConfig {
    /// Origins as browsers serialize them.
    pub(crate) allowed_origins: Vec<String>,
}

impl CorsConfig {
    pub(super) fn new(section: CorsSection) -> Option<Self> {
        Some(Self { allowed_origins: section.allowed_origins.or(Origins(Vec::new()))?.0 })
    }
}

/// A list of exact origins.
pub(super) struct Origins(pub(super) Vec<String>);

impl Value for Origins {
    const TYPE: &'static str = "list";
    const RULE: &'static str =
        "a list of exact origins as browsers send them, such as https://app.example.com; no wildcard, no `null`";

    fn parse(text: &str) -> Option<Self> {
        let origins = entries(text).map(|(_, entry)| fault_of(entry).is_none().then(|| entry.to_owned()));
        origins.collect::<Option<_>>().map(Self)
    }

    /// Each invalid entry is a fault, identified by its position because values are not printed.
    fn broken_rules(text: &str) -> Vec<String> {
        let faults = entries(text).filter_map(|(index, entry)| Some((index + 1, fault_of(entry)?)));
        faults.map(|(position, fault)| format!("a list of exact origins; entry {position} {fault}")).collect()
    }
}

/// The entries of a comma-separated list with their positions, without empty ones.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(',').map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty())
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
        Origins::parse(list).map(|origins| origins.0).ok_or_else(|| Origins::broken_rules(list).join("\n"))
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
