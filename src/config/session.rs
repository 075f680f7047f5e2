//! `SESSION_`: browser sessions.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::TimeDelta;
use secrecy::SecretSlice;
use url::Url;

use super::cors::Origins;
use super::faults::Faults;
use super::oidc::OidcConfig;
use super::section::{NONE, described, section, value};
use super::server::{ServerConfig, is_loopback};
use super::setting::Setting;
use super::value::{Seconds, Value, split};

/// Bytes of a key: AES-256.
const KEY_BYTES: usize = 32;
const KEY_RULE: &str = "32 random bytes in base64 (`openssl rand -base64 32`); during a rotation two keys, the new one first, separated by a comma";

section!("Sessions", "SESSION_", SessionSection {
    /// The key from which the keys for cookies and stored tokens are derived. With sessions, `SERVER_PUBLIC_URL` must be https or loopback.
    key: Keys => described("required with `OIDC_CLIENT_ID`");
    /// Origins other than that of `SERVER_PUBLIC_URL` whose pages may use the session cookie, and to which a sign-in may redirect.
    allowed_origins: ConfidentialOrigins => NONE;
    /// The lifetime of an unused session.
    idle_seconds: Lifetime => value("1800");
    /// The maximum lifetime of a session.
    absolute_seconds: Lifetime => value("43200");
    /// How long roles from a sign-in stay valid while the provider does not confirm them on refresh. Then the user must sign in again.
    // Equals the time that a session continues while the provider is unreachable.
    roles_seconds: Lifetime => value("3600");
    /// The page to which the provider redirects after sign-out. It must be registered at the provider.
    logged_out_url: PageUrl => described("none: the provider's own page");
});

type Lifetime = Seconds<60, 31_536_000>;

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

    /// Returns `None` if no key is set, or if a setting is bad.
    pub(super) fn new(
        section: SessionSection,
        oidc: Option<&OidcConfig>,
        server: Option<&ServerConfig>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let Some(Keys(keys)) = section.key.optional()? else {
            if oidc.is_some_and(OidcConfig::signs_in) {
                faults.add("SESSION_KEY", format!("set when browser sign-in is enabled (OIDC_CLIENT_ID): {KEY_RULE}"));
            }
            return None;
        };
        if server.is_some_and(|server| !server.is_https() && !server.is_loopback()) {
            faults.add(
                "SERVER_PUBLIC_URL",
                "an https URL when browser sessions are enabled (SESSION_KEY), to keep the session cookie secret",
            );
        }
        let lifetime = |setting: Setting<Lifetime>| TimeDelta::from_std(setting.good()?.0).ok();
        Some(Self {
            keys,
            allowed_origins: section.allowed_origins.or(ConfidentialOrigins(Vec::new()))?.0,
            idle: lifetime(section.idle_seconds)?,
            absolute: lifetime(section.absolute_seconds)?,
            roles: lifetime(section.roles_seconds)?,
            logged_out_url: section.logged_out_url.optional()?.map(|url| url.0),
        })
    }
}

/// One or two keys in base64 of either alphabet, padded or not.
pub(super) struct Keys(Vec<SecretSlice<u8>>);

impl Value for Keys {
    const TYPE: &'static str = "secret";
    const IS_SECRET: bool = true;
    const RULE: &'static str = KEY_RULE;

    fn parse(text: &str) -> Option<Self> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let base64 = GeneralPurpose::new(&URL_SAFE, config);
        let key = |text: &str| {
            let bytes = base64.decode(text.replace('+', "-").replace('/', "_")).ok()?;
            // A key of one repeated byte is a placeholder.
            let is_key = bytes.len() == KEY_BYTES && bytes.iter().any(|byte| Some(byte) != bytes.first());
            is_key.then(|| SecretSlice::from(bytes))
        };
        let keys: Vec<_> = split(text).map(key).collect::<Option<_>>()?;
        (1..=2).contains(&keys.len()).then_some(Self(keys))
    }
}

/// Exact origins that are https or loopback, so that responses are not sent in plain text.
pub(super) struct ConfidentialOrigins(Vec<String>);

impl Value for ConfidentialOrigins {
    const TYPE: &'static str = "list";
    const RULE: &'static str = "a list of exact https origins; http is allowed for loopback only";

    fn parse(text: &str) -> Option<Self> {
        let is_confidential =
            |origin: &String| Url::parse(origin).is_ok_and(|url| url.scheme() == "https" || is_loopback(&url));
        Origins::parse(text).filter(|origins| origins.0.iter().all(is_confidential)).map(|origins| Self(origins.0))
    }

    fn broken_rules(text: &str) -> Vec<String> {
        let exact = Origins::broken_rules(text);
        if exact.is_empty() { vec![Self::rule().into_owned()] } else { exact }
    }
}

/// A page that browsers open.
pub(super) struct PageUrl(Url);

impl Value for PageUrl {
    const TYPE: &'static str = "URL";
    const RULE: &'static str = "an http or https URL";

    fn parse(text: &str) -> Option<Self> {
        Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::Section;

    #[test]
    fn one_or_two_keys_of_32_random_bytes_are_accepted() {
        let key = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
        let keys = |text: &str| Keys::parse(text).map(|keys| keys.0);
        assert_eq!(keys(key).unwrap().len(), 1);
        assert_eq!(keys(&format!("{key}, {}", key.trim_end_matches('='))).unwrap().len(), 2);
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for wrong in ["", "secret", "q83vASNFZ4k=", zeros, &format!("{key},{key},{key}")] {
            assert!(keys(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn plain_http_and_wildcard_origins_may_not_use_the_cookie() {
        assert!(ConfidentialOrigins::parse("https://app.example.com, http://app.localhost:5173").is_some());
        for wrong in ["*", "null", "http://app.example.com"] {
            assert!(ConfidentialOrigins::parse(wrong).is_none(), "{wrong}");
            assert_eq!(ConfidentialOrigins::broken_rules(wrong).len(), 1, "{wrong}");
        }
    }

    /// Other code uses the default where sessions are disabled.
    #[test]
    fn default_of_the_idle_time_is_that_of_the_list() {
        let idle = SessionSection::GROUP.settings.iter().find(|spec| spec.variable == "SESSION_IDLE_SECONDS").unwrap();
        assert_eq!(idle.default.value(), Some(&*SessionConfig::IDLE.num_seconds().to_string()));
    }
}
