//! `SERVER_`: the listening addresses and the public URL.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use url::{Host, Url};

use super::environment::RawServer;
use super::faults::Faults;

/// The listening addresses and the public URL.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    pub(crate) bind: SocketAddr,
    /// `None` on loopback: the public URL is then `http://` and the bound address.
    pub(crate) public_url: Option<Url>,
    pub(crate) management: Management,
    /// How long the service continues to accept requests after a stop signal.
    pub(crate) grace: Duration,
    /// How long open requests may run once no more connections are accepted, in whole seconds.
    pub(crate) shutdown: Duration,
}

/// The address of the metrics listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Management {
    /// The default address; disabled if it is in use, for example by another service on the same machine.
    Usual,
    /// This address; the service does not start if it is in use.
    At(SocketAddr),
    /// Disabled.
    Off,
}

impl Management {
    /// Differs from the port of Prometheus, which often runs on the same machine.
    pub(crate) const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

    fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self::Off) } else { text.parse().ok().map(Self::At) }
    }
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
        let management = faults.parse(
            "SERVER_MANAGEMENT_BIND",
            raw.management_bind,
            Management::Usual,
            "an IP address and port, such as 127.0.0.1:9464, or `off`",
            Management::parse,
        );
        let public_url = faults.parse(
            "SERVER_PUBLIC_URL",
            raw.public_url,
            None,
            "an http or https URL without user information, query and fragment, such as https://api.example.com",
            |text| public_url(text).map(Some),
        );
        let grace = seconds("SERVER_GRACE_SECONDS", raw.grace_seconds, 5, 0..=600, faults);
        let shutdown = seconds("SERVER_SHUTDOWN_SECONDS", raw.shutdown_seconds, 20, 0..=3600, faults);
        let (bind, management, public_url) = (bind?, management?, public_url?);
        if public_url.is_none() && !bind.ip().is_loopback() {
            faults.add("SERVER_PUBLIC_URL", "set when SERVER_BIND is not a loopback address");
            return None;
        }
        Some(Self { bind, public_url, management, grace: grace?, shutdown: shutdown? })
    }

    /// Whether the public URL is a loopback address.
    pub(crate) fn is_loopback(&self) -> bool {
        self.public_url.as_ref().is_none_or(is_loopback)
    }

    /// Whether the public URL is https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// The public URL without a trailing slash. `bound` is the address that the service listens on.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

/// A whole number of seconds in `range`.
pub(super) fn seconds(
    variable: &str,
    raw: Option<String>,
    default: u64,
    range: RangeInclusive<u64>,
    faults: &mut Faults,
) -> Option<Duration> {
    number(variable, raw, default, range, faults).map(Duration::from_secs)
}

/// A whole number in `range`.
pub(super) fn number(
    variable: &str,
    raw: Option<String>,
    default: u64,
    range: RangeInclusive<u64>,
    faults: &mut Faults,
) -> Option<u64> {
    let rule = format!("a whole number from {} to {}", range.start(), range.end());
    faults.parse(variable, raw, default, &rule, |text| text.parse().ok().filter(|number| range.contains(number)))
}

pub(super) fn public_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.has_host();
    (is_bare && matches!(url.scheme(), "http" | "https")).then_some(url)
}

/// Whether the URL's host is a loopback name or address (RFC 6761 section 6.3, RFC 5735 section 3, RFC 4291 section 2.5.3).
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
