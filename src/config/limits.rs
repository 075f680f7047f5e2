//! `SERVER_` and `RATE_LIMIT_`: limits per request, connection and client.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

use super::section::{NONE, section, value};
use super::setting::Setting;
use super::value::{Bytes, Item, List, Number, Seconds};
use crate::oidc::TokenVerifier;

/// The longest legitimate header field carries a token.
const LONGEST_FIELD: u64 = TokenVerifier::MAX_TOKEN_BYTES as u64;
/// The largest configurable body.
const LARGEST_BODY: u64 = 64 * 1024 * 1024;

section!("Limits of a request", "SERVER_", LimitsSection {
    /// The maximum length of a header field.
    field_bytes: Bytes<1024, LONGEST_FIELD> => value("16384");
    /// The maximum size of a body.
    // The largest expected body is a small JSON object.
    body_bytes: Bytes<1024, LARGEST_BODY> => value("65536");
    /// The time limit of the head of a connection's first request.
    head_seconds: Seconds<1, 600> => value("5");
    /// The time limit of a body, measured from the end of the head.
    body_seconds: Seconds<1, 3600> => value("15");
    /// How long a connection may stay idle. It must exceed the idle timeout of the proxy in front, or requests hit closed connections.
    keep_alive_seconds: Seconds<1, 3600> => value("75");
    /// The maximum number of concurrent connections of each worker (one per core). Further connections wait.
    connections: Number<usize, 1, 1_000_000> => value("10000");
});

section!("Server", "SERVER_", ProxySection {
    /// The proxies whose `X-Forwarded-For` and `X-Request-Id` are accepted. Without it, all clients behind a proxy share one address and
    /// one budget.
    trusted_proxies: List<IpNet> => NONE, example "10.0.0.0/8";
});

section!("Rate limits", "RATE_LIMIT_", RateLimitSection {
    /// The number of refused credentials per address and minute, of every kind. When it is used up, only credentials that were accepted
    /// before are verified.
    failures_per_minute: Quota => value("300");
    /// The number of requests per principal and minute.
    requests_per_minute: Quota => value("6000");
    /// The number of profile edits per user and hour.
    profile_edits_per_hour: Quota => value("30");
    /// `true` disables the three limits, for load tests.
    disabled: bool => value("false");
});

type Quota = Number<u32, 1, 1_000_000>;

/// Limits of one request and one connection.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The longest header field, in bytes.
    pub(crate) field_bytes: usize,
    /// The largest body, in bytes.
    pub(crate) body_bytes: usize,
    /// How long the head of a connection's first request may take.
    pub(crate) head: Duration,
    /// How long a body may take, measured from the end of the head.
    pub(crate) body: Duration,
    /// How long a connection may stay idle.
    pub(crate) keep_alive: Duration,
    /// How many concurrent connections each worker accepts.
    pub(crate) connections: usize,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl Limits {
    pub(super) fn new(section: LimitsSection, proxies: ProxySection) -> Option<Self> {
        Some(Self {
            field_bytes: section.field_bytes.good()?.0,
            body_bytes: section.body_bytes.good()?.0,
            head: section.head_seconds.good()?.0,
            body: section.body_seconds.good()?.0,
            keep_alive: section.keep_alive_seconds.good()?.0,
            connections: section.connections.good()?.0,
            trusted_proxies: proxies.trusted_proxies.or(List(Vec::new()))?.0,
        })
    }
}

impl Item for IpNet {
    const RULE: &'static str = "a comma-separated list of addresses and networks, such as `10.0.0.0/8, 2001:db8::/32`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))
    }
}

/// Rate limits; `None` means unlimited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitConfig {
    /// Refused credentials per minute and address.
    pub(crate) failures: Option<NonZeroU32>,
    /// Requests per minute and principal.
    pub(crate) requests: Option<NonZeroU32>,
    /// Edits of the own profile per hour and user.
    pub(crate) profile_edits: Option<NonZeroU32>,
}

impl RateLimitConfig {
    pub(super) fn new(section: RateLimitSection) -> Option<Self> {
        let quota = |setting: Setting<Quota>| setting.good().map(|quota| NonZeroU32::new(quota.0));
        let failures = quota(section.failures_per_minute)?;
        let requests = quota(section.requests_per_minute)?;
        let profile_edits = quota(section.profile_edits_per_hour)?;
        Some(if section.disabled.good()? {
            Self { failures: None, requests: None, profile_edits: None }
        } else {
            Self { failures, requests, profile_edits }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::Value;

    fn networks(text: &str) -> Option<Vec<IpNet>> {
        List::parse(text).map(|list| list.0)
    }

    #[test]
    fn trusted_proxies_are_addresses_and_networks() {
        let expected: Vec<IpNet> =
            ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128"].map(|net| net.parse().unwrap()).into();
        assert_eq!(networks("10.0.0.0/8, 192.0.2.7,2001:db8::/32,::1,"), Some(expected));
        for wrong in ["proxy.example", "10.0.0.0/33", "10.0.0.0/8 192.0.2.7", "*"] {
            assert_eq!(networks(wrong), None, "{wrong}");
        }
    }
}
