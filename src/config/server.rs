//! `SERVER_`: where the service listens and what the world calls it.

use std::net::{Ipv4Addr, SocketAddr};

use url::{Host, Url};

use super::environment::RawServer;
use super::faults::Faults;

/// Where the service listens and what the world calls it.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    pub(crate) bind: SocketAddr,
    /// `None` on loopback: then it is `http://` and the address that was bound.
    pub(crate) public_url: Option<Url>,
    /// Where the metrics are; `None` for nowhere.
    pub(crate) management_bind: Option<SocketAddr>,
}

impl ServerConfig {
    pub(super) fn parse(raw: RawServer, faults: &mut Faults) -> Option<Self> {
        let bind = faults.parse(
            "SERVER_BIND",
            raw.bind,
            SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            "an IP address and port, such as 127.0.0.1:8080 or [::1]:8080",
            |text| text.parse().ok(),
        );
        let management_bind = faults.parse(
            "SERVER_MANAGEMENT_BIND",
            raw.management_bind,
            None,
            "an IP address and port, such as 127.0.0.1:9090",
            |text| text.parse().ok().map(Some),
        );
        let public_url = faults.parse(
            "SERVER_PUBLIC_URL",
            raw.public_url,
            None,
            "an http or https URL without user, query and fragment, such as https://api.example.com",
            |text| public_url(text).map(Some),
        );
        let (bind, management_bind, public_url) = (bind?, management_bind?, public_url?);
        if public_url.is_none() && !bind.ip().is_loopback() {
            faults.add("SERVER_PUBLIC_URL", "set where SERVER_BIND is not a loopback address: it is never guessed");
            return None;
        }
        Some(Self { bind, public_url, management_bind })
    }

    /// Whether clients reach the service only from this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.public_url.as_ref().is_none_or(is_loopback)
    }

    /// Whether the world reaches the service by https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// The public URL, without a slash at the end; `bound` is the address that the service really listens on.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

fn public_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.has_host();
    (is_bare && matches!(url.scheme(), "http" | "https")).then_some(url)
}

/// Whether the URL's host is this machine by definition (RFC 6761 section 6.3, RFC 5735 section 3, RFC 4291 section 2.5.3).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
