//! The hosts that requests to issuers may reach without TLS: none by default.

use std::collections::BTreeSet;

use url::{Host, Url};

/// The hosts that may be reached without TLS: none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainHttp {
    /// Whether `localhost`, 127.0.0.0/8 and `[::1]` are allowed, on any port.
    pub loopback: bool,
    /// Further hosts, each as `host:port` in lower case.
    pub hosts: BTreeSet<String>,
}

impl PlainHttp {
    /// Returns whether `url` may be fetched: https always, http only for the allowed hosts, other schemes never. A URL with credentials is
    /// never allowed.
    pub fn is_fetchable(&self, url: &Url) -> bool {
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        match url.scheme() {
            "https" => true,
            "http" => (self.loopback && is_loopback(url)) || self.lists(url),
            _ => false,
        }
    }

    fn lists(&self, url: &Url) -> bool {
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => self.hosts.contains(&format!("{host}:{port}")),
            _ => false,
        }
    }
}

/// Checks the host as written, without name resolution.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetchable(plain_http: &PlainHttp, url: &str) -> bool {
        plain_http.is_fetchable(&Url::parse(url).unwrap())
    }

    #[test]
    fn only_https_is_allowed_by_default() {
        let none = PlainHttp::default();
        assert!(fetchable(&none, "https://id.example.com/keys"));
        for url in
            ["http://id.example.com/", "http://127.0.0.1:8081/", "http://localhost/", "ftp://a/", "file:///etc/passwd"]
        {
            assert!(!fetchable(&none, url), "{url}");
        }
    }

    #[test]
    fn loopback_setting_allows_loopback_hosts_on_any_port() {
        let loopback = PlainHttp { loopback: true, ..PlainHttp::default() };
        for url in ["http://localhost:1/", "http://127.0.0.1/", "http://127.8.9.1:80/", "http://[::1]:2/"] {
            assert!(fetchable(&loopback, url), "{url}");
        }
        for url in [
            "http://localhost.example.com/",
            "http://128.0.0.1/",
            "http://[::2]/",
            "http://10.0.0.1/",
            "http://169.254.169.254/",
        ] {
            assert!(!fetchable(&loopback, url), "{url}");
        }
    }

    #[test]
    fn listed_host_is_allowed_with_its_exact_port() {
        let listed =
            PlainHttp { loopback: false, hosts: BTreeSet::from(["keycloak:8080".to_owned(), "idp:80".to_owned()]) };
        for url in ["http://keycloak:8080/realms/a", "http://KEYCLOAK:8080/", "http://idp/keys"] {
            assert!(fetchable(&listed, url), "{url}");
        }
        for url in
            ["http://keycloak/", "http://keycloak:8081/", "http://keycloak.evil:8080/", "http://a@keycloak:8080/"]
        {
            assert!(!fetchable(&listed, url), "{url}");
        }
    }
}
