//! `SERVER_`: the listening addresses and the public URL.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use super::faults::Faults;
use super::section::{described, section, value};
use super::value::{Seconds, Value};

section!("Server", "SERVER_", ServerSection {
    /// The listening address.
    bind: SocketAddr => value("127.0.0.1:8080");
    /// The address of `/metrics` for Prometheus: a separate listener without authentication. A configured address that is in use stops the
    /// start. See [operating.md](operating.md#metrics).
    management_bind: Management => described("`127.0.0.1:9464`; disabled if it is in use"), example "127.0.0.1:9464";
    /// The URL under which clients reach the service, used in challenges and metadata. It is never derived from a request. Required if
    /// `SERVER_BIND` is not a loopback address.
    public_url: PublicUrl => described("on loopback, `http://` and the address"), example "https://api.example.com";
    /// How long the service continues to accept requests after SIGTERM while `/health/ready` returns 503, so that load balancers stop
    /// sending requests.
    grace_seconds: Seconds<0, 600> => value("5");
    /// How long open requests may run after that. The supervisor must wait for the sum of both before it kills the process.
    shutdown_seconds: Seconds<0, 3600> => value("20");
});

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
}

impl ServerConfig {
    pub(super) fn new(section: ServerSection, faults: &mut Faults) -> Option<Self> {
        let (bind, public_url) = (section.bind.good()?, section.public_url.optional()?);
        if public_url.is_none() && !bind.ip().is_loopback() {
            faults.add("SERVER_PUBLIC_URL", "set when SERVER_BIND is not a loopback address");
            return None;
        }
        Some(Self {
            bind,
            public_url: public_url.map(|url| url.0),
            management: section.management_bind.or(Management::Usual)?,
            grace: section.grace_seconds.good()?.0,
            shutdown: section.shutdown_seconds.good()?.0,
        })
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

impl Value for SocketAddr {
    const TYPE: &'static str = "address";
    const RULE: &'static str = "an IP address and port, such as `127.0.0.1:8080` or `[::1]:8080`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for Management {
    const TYPE: &'static str = "address";
    const RULE: &'static str = "an IP address and port, such as `127.0.0.1:9464`, or `off`";

    fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self::Off) } else { text.parse().ok().map(Self::At) }
    }
}

/// An address that others call.
pub(super) struct PublicUrl(pub(super) Url);

impl Value for PublicUrl {
    const TYPE: &'static str = "URL";
    const RULE: &'static str =
        "an http or https URL without user information, query and fragment, such as https://api.example.com";

    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.has_host();
        (is_bare && matches!(url.scheme(), "http" | "https")).then_some(Self(url))
    }
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
