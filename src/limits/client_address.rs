//! The client address of a request: the peer of the connection, or the address that trusted proxies report.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

/// The field with the client address. Each proxy appends the address of its peer.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are trusted to report the client address.
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    has_warned: AtomicBool,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, has_warned: AtomicBool::new(false) }
    }

    /// Returns the client address: the rightmost address that is not a trusted proxy. Addresses to its left are unverified. Returns `None`
    /// if the connection has no address.
    pub(crate) fn client_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let fields: Vec<_> = request.headers().get_all(FORWARDED_FOR).collect();
        let entries = fields.iter().rev().flat_map(|field| field.to_str().unwrap_or("?").rsplit(','));
        let mut client = peer;
        for entry in entries {
            if !self.trusts(client) {
                break;
            }
            // An invalid entry ends the chain: the proxy that added it counts as the client.
            let Some(address) = address(entry.trim()) else { break };
            client = address;
        }
        Some(client)
    }

    /// Whether a trusted proxy sent the request.
    pub(crate) fn sent(&self, request: &ServiceRequest) -> bool {
        request.peer_addr().is_some_and(|peer| self.trusts(peer.ip().to_canonical()))
    }

    /// Logs one warning if an untrusted peer sends `X-Forwarded-For`: a proxy that is missing in the settings, so that all its clients
    /// share an address, or a client that forges the field.
    pub(crate) fn notice(&self, request: &ServiceRequest, name: &HeaderName) {
        if name != FORWARDED_FOR || self.has_warned.load(Ordering::Relaxed) {
            return;
        }
        let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else { return };
        if !self.trusts(peer) && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "Ignoring X-Forwarded-For from an untrusted peer; add it to SERVER_TRUSTED_PROXIES if it is your proxy \
                 (logged once)"
            );
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client_of(peer: &str, fields: &[&str]) -> String {
        let proxies = TrustedProxies::new(["10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()).into());
        let request = TestRequest::default().peer_addr(format!("{peer}:1234").parse().unwrap());
        let request = fields.iter().fold(request, |request, field| request.append_header((FORWARDED_FOR, *field)));
        proxies.client_of(&request.to_http_request()).unwrap().to_string()
    }

    #[test]
    fn untrusted_peer_is_the_client() {
        assert_eq!(client_of("192.0.2.7", &[]), "192.0.2.7");
        assert_eq!(client_of("192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(client_of("[2001:db8::7]", &["::1", "10.0.0.1"]), "2001:db8::7");
    }

    #[test]
    fn client_is_the_rightmost_untrusted_address() {
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9", "the left one is unverified");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client_of("[::1]", &["10.0.0.3,10.0.0.2"]), "10.0.0.3", "all trusted: the leftmost");
    }

    #[test]
    fn addresses_are_parsed_in_the_formats_of_proxies() {
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9:51234"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["[2001:db8::7]:51234"]), "2001:db8::7");
        assert_eq!(client_of("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client_of("10.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_of("[::ffff:10.0.0.1]", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9, \u{e9}"]), "10.0.0.1");
    }
}
