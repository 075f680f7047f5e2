//! The `Host` values that a listener on loopback accepts (RFC 9112 section 3.2).
//!
//! A page of another site can make its own host name resolve to 127.0.0.1 (DNS rebinding). The browser then treats the local listener as
//! the page's origin, and the page can read the responses. Its requests still carry the page's host name. So a listener on loopback
//! accepts only names of loopback, and the host of the public URL, which a proxy on the same machine passes on. Any other listener accepts
//! every name: its names are unknown here, and it is reachable from the network anyway.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderValue;
use url::Url;

/// The accepted values of `Host`.
#[derive(Clone)]
pub(crate) struct Hosts {
    /// The value that most requests have, compared without parsing.
    usual: String,
    /// The host of the public URL.
    public: Option<String>,
}

impl Hosts {
    /// The hosts of a listener at `bound` with the public URL `url`. Returns `None`, which accepts any name, if `bound` is not loopback.
    pub(crate) fn of(bound: SocketAddr, url: Option<&str>) -> Option<Self> {
        if !bound.ip().is_loopback() {
            return None;
        }
        let url = url.and_then(|url| Url::parse(url).ok());
        let usual = url.as_ref().map_or_else(|| bound.to_string(), |url| url.authority().to_owned());
        Some(Self { usual, public: url.and_then(|url| Some(url.host_str()?.to_owned())) })
    }

    /// Whether `host` is accepted.
    pub(crate) fn has(&self, host: &HeaderValue) -> bool {
        host == self.usual.as_str() || host.to_str().is_ok_and(|host| self.accepts_name(without_port(host)))
    }

    fn accepts_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
        self.public.as_ref() == Some(&name)
            || name == "localhost"
            || name.ends_with(".localhost")
            || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

/// Returns a host without its port. An IPv6 address has its colons in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: Option<&str>) -> Hosts {
        Hosts::of("127.0.0.1:8080".parse().unwrap(), url).unwrap()
    }

    #[test]
    fn loopback_names_are_accepted_in_every_spelling() {
        for host in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "127.9.9.9:1",
            "localhost:3000",
            "LOCALHOST",
            "api.localhost",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(hosts(None).has(&HeaderValue::from_static(host)), "{host}");
        }
    }

    #[test]
    fn other_names_are_rejected() {
        for host in [
            "",
            "rebound.example",
            "rebound.example:8080",
            "127.0.0.1.rebound.example",
            "localhost.rebound.example",
            "notlocalhost",
            "127.0.0.1@rebound.example",
            "rebound.example@127.0.0.1",
            "192.168.0.1:8080",
            "0.0.0.0:8080",
            "api.example.com",
        ] {
            assert!(!hosts(None).has(&HeaderValue::from_static(host)), "{host}");
        }
    }

    #[test]
    fn host_of_the_public_url_is_accepted_with_any_port() {
        let hosts = hosts(Some("https://api.example.com/v2"));
        for host in ["api.example.com", "API.example.com:443", "127.0.0.1:8080"] {
            assert!(hosts.has(&HeaderValue::from_static(host)), "{host}");
        }
        assert!(!hosts.has(&HeaderValue::from_static("www.api.example.com")));
    }

    #[test]
    fn listener_on_all_addresses_accepts_any_name() {
        assert!(Hosts::of("0.0.0.0:8080".parse().unwrap(), None).is_none());
    }
}
