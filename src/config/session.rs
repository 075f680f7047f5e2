//! `SESSION_`: browser sessions.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::TimeDelta;
use secrecy::SecretSlice;
use url::Url;

use super::environment::RawSession;
use super::faults::Faults;
use super::issuer::split;
use super::oidc::OidcConfig;
use super::server::ServerConfig;

/// Bytes of a key: AES-256.
const KEY_BYTES: usize = 32;
const ABSOLUTE: TimeDelta = TimeDelta::hours(12);
/// Equals the time that a session continues while the provider is unreachable.
const ROLES: TimeDelta = TimeDelta::hours(1);
const SECONDS_RULE: &str = "a whole number of seconds from 60 to 31536000";
const KEY_RULE: &str = "32 random bytes in base64 (`openssl rand -base64 32`); during a rotation two keys, the new one first, separated by a comma";

/// The settings of browser sessions.
#[derive(Clone, Debug)]
pub(crate) struct SessionConfig {
    /// The first key encrypts; all keys decrypt.
    pub(crate) keys: Vec<SecretSlice<u8>>,
    /// The foreign origins whose pages may use the session cookie, as browsers serialize them.
    pub(crate) allowed_origins: Vec<String>,
    /// How long an unused session lasts.
    pub(crate) idle: TimeDelta,
    /// How long a session lasts at most.
    pub(crate) absolute: TimeDelta,
    /// How long roles from a sign-in stay valid while the provider does not confirm them.
    pub(crate) roles: TimeDelta,
    /// Where the provider redirects a browser after sign-out.
    pub(crate) logged_out_url: Option<Url>,
}

impl SessionConfig {
    /// The default of `idle`.
    pub(crate) const IDLE: TimeDelta = TimeDelta::minutes(30);

    /// Returns `None` if no key is set, or if a fault was added.
    pub(super) fn parse(
        raw: RawSession,
        oidc: Option<&OidcConfig>,
        server: Option<&ServerConfig>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let keys = faults.parse("SESSION_KEY", raw.key, Vec::new(), KEY_RULE, keys);
        let allowed_origins = origins("SESSION_ALLOWED_ORIGINS", raw.allowed_origins.as_deref(), faults);
        let idle = faults.parse("SESSION_IDLE_SECONDS", raw.idle_seconds, Self::IDLE, SECONDS_RULE, seconds);
        let absolute = faults.parse("SESSION_ABSOLUTE_SECONDS", raw.absolute_seconds, ABSOLUTE, SECONDS_RULE, seconds);
        let roles = faults.parse("SESSION_ROLES_SECONDS", raw.roles_seconds, ROLES, SECONDS_RULE, seconds);
        let logged_out_url =
            faults.parse("SESSION_LOGGED_OUT_URL", raw.logged_out_url, None, "an http or https URL", |text| {
                Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(Some)
            });
        let signs_in = oidc.is_some_and(OidcConfig::signs_in);
        let keys = keys?;
        if keys.is_empty() {
            if signs_in {
                faults.add("SESSION_KEY", format!("set when browser sign-in is enabled (OIDC_CLIENT_ID): {KEY_RULE}"));
            }
            return None;
        }
        if server.is_some_and(|server| !server.is_https() && !server.is_loopback()) {
            faults.add(
                "SERVER_PUBLIC_URL",
                "an https URL when browser sessions are enabled (SESSION_KEY), to keep the session cookie secret",
            );
        }
        Some(Self {
            keys,
            allowed_origins,
            idle: idle?,
            absolute: absolute?,
            roles: roles?,
            logged_out_url: logged_out_url?,
        })
    }
}

/// One or two keys in base64 of either alphabet, padded or not.
fn keys(text: &str) -> Option<Vec<SecretSlice<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&URL_SAFE, config);
    let key = |text: &str| {
        let bytes = base64.decode(text.replace('+', "-").replace('/', "_")).ok()?;
        // A key of one repeated byte is a placeholder.
        let is_key = bytes.len() == KEY_BYTES && bytes.iter().any(|byte| Some(byte) != bytes.first());
        is_key.then(|| SecretSlice::from(bytes))
    };
    let keys: Vec<_> = split(text).map(key).collect::<Option<_>>()?;
    (1..=2).contains(&keys.len()).then_some(keys)
}

/// Exact origins that are https or loopback, so that responses are not sent in plain text.
fn origins(variable: &str, raw: Option<&str>, faults: &mut Faults) -> Vec<String> {
    let origins = super::cors::origins(variable, raw, faults);
    let is_secret = |origin: &String| {
        Url::parse(origin).is_ok_and(|url| url.scheme() == "https" || super::server::is_loopback(&url))
    };
    if !origins.iter().all(is_secret) {
        faults.add(variable, "a list of https origins; http is allowed for loopback only");
    }
    origins
}

fn seconds(text: &str) -> Option<TimeDelta> {
    text.parse().ok().filter(|seconds| (60..=31_536_000).contains(seconds)).map(TimeDelta::seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_keys_of_32_random_bytes_are_accepted() {
        let key = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
        assert_eq!(keys(key).unwrap().len(), 1);
        assert_eq!(keys(&format!("{key}, {}", key.trim_end_matches('='))).unwrap().len(), 2);
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for wrong in ["", "secret", "q83vASNFZ4k=", zeros, &format!("{key},{key},{key}")] {
            assert!(keys(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn plain_http_and_wildcard_origins_may_not_use_the_cookie() {
        let faults_of = |list: &str| {
            let mut faults = Faults::default();
            origins("SESSION_ALLOWED_ORIGINS", Some(list), &mut faults);
            faults.into_result().is_err()
        };
        assert!(!faults_of("https://app.example.com, http://app.localhost:5173"));
        for wrong in ["*", "null", "http://app.example.com"] {
            assert!(faults_of(wrong), "{wrong}");
        }
    }
}
