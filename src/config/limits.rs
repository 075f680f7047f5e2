//! `SERVER_` and `RATE_LIMIT_`: limits per request, connection and client.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::environment::{RawRateLimit, RawServer};
use super::faults::Faults;
use super::server::{number, seconds};
use crate::oidc::TokenVerifier;

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

/// The largest expected body is a small JSON object.
const BODY_BYTES: u64 = 64 * 1024;

impl Limits {
    pub(super) fn parse(raw: &RawServer, faults: &mut Faults) -> Option<Self> {
        let mut count = |variable, raw: &Option<String>, default, range: RangeInclusive<u64>| {
            let number = number(variable, raw.clone(), default, range, faults)?;
            usize::try_from(number).ok()
        };
        // The longest legitimate header field carries a token.
        let longest = u64::try_from(TokenVerifier::MAX_TOKEN_BYTES).unwrap_or(u64::MAX);
        let field_bytes = count("SERVER_FIELD_BYTES", &raw.field_bytes, longest, 1024..=longest);
        let body_bytes = count("SERVER_BODY_BYTES", &raw.body_bytes, BODY_BYTES, 1024..=64 * 1024 * 1024);
        let connections = count("SERVER_CONNECTIONS", &raw.connections, 10_000, 1..=1_000_000);
        let head = seconds("SERVER_HEAD_SECONDS", raw.head_seconds.clone(), 5, 1..=600, faults);
        let body = seconds("SERVER_BODY_SECONDS", raw.body_seconds.clone(), 15, 1..=3600, faults);
        let keep_alive = seconds("SERVER_KEEP_ALIVE_SECONDS", raw.keep_alive_seconds.clone(), 75, 1..=3600, faults);
        let trusted_proxies = faults.parse(
            "SERVER_TRUSTED_PROXIES",
            raw.trusted_proxies.clone(),
            Vec::new(),
            "a comma-separated list of addresses and networks, such as 10.0.0.0/8, 2001:db8::/32",
            networks,
        );
        Some(Self {
            field_bytes: field_bytes?,
            body_bytes: body_bytes?,
            head: head?,
            body: body?,
            keep_alive: keep_alive?,
            connections: connections?,
            trusted_proxies: trusted_proxies?,
        })
    }
}

fn networks(list: &str) -> Option<Vec<IpNet>> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| entry.parse().ok().or_else(|| Some(entry.parse::<IpAddr>().ok()?.into()))).collect()
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
    pub(super) fn parse(raw: RawRateLimit, faults: &mut Faults) -> Option<Self> {
        let mut quota = |variable, raw, default| {
            let number = number(variable, raw, default, 1..=1_000_000, faults)?;
            Some(u32::try_from(number).ok().and_then(NonZeroU32::new))
        };
        let failures = quota("RATE_LIMIT_FAILURES_PER_MINUTE", raw.failures_per_minute, 300);
        let requests = quota("RATE_LIMIT_REQUESTS_PER_MINUTE", raw.requests_per_minute, 6_000);
        let profile_edits = quota("RATE_LIMIT_PROFILE_EDITS_PER_HOUR", raw.profile_edits_per_hour, 30);
        let rule = "`true` or `false`";
        let disabled = faults.parse("RATE_LIMIT_DISABLED", raw.disabled, false, rule, |text| text.parse().ok())?;
        let (failures, requests, profile_edits) = (failures?, requests?, profile_edits?);
        Some(if disabled {
            Self { failures: None, requests: None, profile_edits: None }
        } else {
            Self { failures, requests, profile_edits }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
