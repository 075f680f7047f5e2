//! `SESSION_`: the browser sessions of people who sign in here.

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
/// As long as a session goes on while the provider can't be asked at all.
const ROLES: TimeDelta = TimeDelta::hours(1);
const KEY_RULE: &str = "32 random bytes in base64 (`openssl rand -base64 32`); during a rotation two, the new one first, with a comma between";

/// The browser sessions of people who sign in here.
#[derive(Clone, Debug)]
pub(crate) struct SessionConfig {
    /// What is kept is encrypted under the first; the others still open what they closed.
    pub(crate) keys: Vec<SecretSlice<u8>>,
    /// The origins beside our own whose pages act with the cookie, as browsers spell them.
    pub(crate) allowed_origins: Vec<String>,
    /// How long a session lasts that nobody uses.
    pub(crate) idle: TimeDelta,
    /// How long a session lasts.
    pub(crate) absolute: TimeDelta,
    /// How long roles from a sign-in are honoured while the provider says nothing of them.
    pub(crate) roles: TimeDelta,
    /// Where the provider sends people who have signed out.
    pub(crate) logged_out_url: Option<Url>,
}

impl SessionConfig {
    /// How long a session lasts that nobody uses, unless that is configured.
    pub(crate) const IDLE: TimeDelta = TimeDelta::minutes(30);

    /// `None` where there is no key, and where something is wrong, which is then among the faults.
    pub(super) fn parse(
        raw: RawSession,
        oidc: Option<&OidcConfig>,
        server: Option<&ServerConfig>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let keys = faults.parse("SESSION_KEY", raw.key, Vec::new(), KEY_RULE, keys);
        let allowed_origins = origins("SESSION_ALLOWED_ORIGINS", raw.allowed_origins.as_deref(), faults);
        let idle = faults.parse("SESSION_IDLE_SECONDS", raw.idle_seconds, Self::IDLE, "seconds, from 60 on", seconds);
        let absolute =
            faults.parse("SESSION_ABSOLUTE_SECONDS", raw.absolute_seconds, ABSOLUTE, "seconds, from 60 on", seconds);
        let roles = faults.parse("SESSION_ROLES_SECONDS", raw.roles_seconds, ROLES, "seconds, from 60 on", seconds);
        let logged_out_url =
            faults.parse("SESSION_LOGGED_OUT_URL", raw.logged_out_url, None, "an http or https URL", |text| {
                Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(Some)
            });
        let signs_in = oidc.is_some_and(OidcConfig::signs_in);
        let keys = keys?;
        if keys.is_empty() {
            if signs_in {
                faults.add("SESSION_KEY", format!("set where people sign in (OIDC_CLIENT_ID): {KEY_RULE}"));
            }
            return None;
        }
        if server.is_some_and(|server| !server.is_https() && !server.is_loopback()) {
            faults.add("SERVER_PUBLIC_URL", "https where people sign in (SESSION_KEY): a cookie has to be secret");
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

/// Base64 of either alphabet, padded or not.
fn keys(text: &str) -> Option<Vec<SecretSlice<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = GeneralPurpose::new(&URL_SAFE, config);
    let key = |text: &str| {
        let bytes = base64.decode(text.replace('+', "-").replace('/', "_")).ok()?;
        // One that is all the same byte is no secret.
        let is_key = bytes.len() == KEY_BYTES && bytes.iter().any(|byte| Some(byte) != bytes.first());
        is_key.then(|| SecretSlice::from(bytes))
    };
    let keys: Vec<_> = split(text).map(key).collect::<Option<_>>()?;
    (1..=2).contains(&keys.len()).then_some(keys)
}

/// Exact origins, whose pages can keep what they are given secret.
fn origins(variable: &str, raw: Option<&str>, faults: &mut Faults) -> Vec<String> {
    let origins = super::cors::origins(variable, raw, faults);
    let is_secret = |origin: &String| {
        Url::parse(origin).is_ok_and(|url| url.scheme() == "https" || super::server::is_loopback(&url))
    };
    if !origins.iter().all(is_secret) {
        faults.add(variable, "a list of origins with https; http is for loopback");
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
    fn a_key_is_32_random_bytes_in_base64_and_two_are_a_rotation() {
        let key = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
        assert_eq!(keys(key).unwrap().len(), 1);
        assert_eq!(keys(&format!("{key}, {}", key.trim_end_matches('='))).unwrap().len(), 2);
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for wrong in ["", "secret", "q83vASNFZ4k=", zeros, &format!("{key},{key},{key}")] {
            assert!(keys(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn pages_that_anybody_on_the_way_can_write_do_not_act_with_the_cookie() {
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
