//! Where a request comes from: the other end of the connection, or what proxies that are trusted say of it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

/// The field by which proxies tell: each adds the address that it was reached from at the end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word on a client's address counts.
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    has_warned: AtomicBool,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, has_warned: AtomicBool::new(false) }
    }

    /// The client's address: the last one that no trusted proxy has. Whoever is not trusted can claim what they like to the left of it.
    /// `None` where the connection has no address.
    pub(crate) fn client_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let fields: Vec<_> = request.headers().get_all(FORWARDED_FOR).collect();
        let entries = fields.iter().rev().flat_map(|field| field.to_str().unwrap_or("?").rsplit(','));
        let mut client = peer;
        for entry in entries {
            if !self.trusts(client) {
                break;
            }
            // A proxy that says what is no address says nothing: then it is the client itself, as far as is known.
            let Some(address) = address(entry.trim()) else { break };
            client = address;
        }
        Some(client)
    }

    /// Warns once if somebody who is not trusted says where a request comes from: a proxy that was forgotten in the settings, whose
    /// clients all look like one, or a client that tries.
    pub(crate) fn notice(&self, request: &ServiceRequest, name: &HeaderName) {
        if name != FORWARDED_FOR || self.has_warned.load(Ordering::Relaxed) {
            return;
        }
        let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else { return };
        if !self.trusts(peer) && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "X-Forwarded-For comes from an address that is not in SERVER_TRUSTED_PROXIES: it is not believed, there or from anyone \
                 else who is not (told once)"
            );
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// An address, with or without a port.
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
    fn whoever_is_not_trusted_speaks_for_themselves_alone() {
        assert_eq!(client_of("192.0.2.7", &[]), "192.0.2.7");
        assert_eq!(client_of("192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(client_of("[2001:db8::7]", &["::1", "10.0.0.1"]), "2001:db8::7");
    }

    #[test]
    fn trusted_proxies_are_believed_up_to_the_first_that_is_not() {
        assert_eq!(client_of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9", "the left one is a claim");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client_of("[::1]", &["10.0.0.3,10.0.0.2"]), "10.0.0.3", "inside, down to the first");
    }

    #[test]
    fn addresses_are_read_in_the_spellings_that_proxies_use() {
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9:51234"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["[2001:db8::7]:51234"]), "2001:db8::7");
        assert_eq!(client_of("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(client_of("10.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_of("[::ffff:10.0.0.1]", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &["203.0.113.9, \u{e9}"]), "10.0.0.1");
    }
}
