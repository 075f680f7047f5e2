//! Token introspection at an issuer: which tokens, and with which credential.

use secrecy::{ExposeSecret, SecretString};

use super::endpoint::{self, Endpoint};
use crate::config::block::Block;
use crate::config::faults::Faults;
use crate::config::section::{NONE, Section, described, read_issuer, section, value};
use crate::config::value::Value;
use crate::oidc::{AssertionKey, ClientCredential, IntrospectionSettings, PlainHttp};

section!("Introspection", "OIDC_", IntrospectionSection {
    /// `true` accepts opaque tokens, which are introspected at this provider (RFC 7662). At most one issuer can have it.
    opaque: bool => value("false");
    /// `always` introspects JWTs as well, for claims that they lack and for revocation.
    introspect: Introspect => value("opaque");
    /// Opaque tokens without this prefix are rejected without introspection.
    opaque_prefix: OpaquePrefix => NONE;
    /// The introspection endpoint.
    introspection_url: Endpoint => described("from discovery");
    /// The client id for introspection. Required for introspection.
    introspection_client_id: String => NONE;
    /// The client authentication for introspection.
    introspection_auth: Method => value("client_secret_basic");
    /// The client secret. Required unless the authentication is `private_key_jwt`, absent otherwise.
    introspection_client_secret: SecretString => NONE;
    /// The private key of the client. Required exactly with `private_key_jwt`.
    introspection_private_key: PrivateKey => NONE;
    /// The key id of that key at the provider.
    introspection_private_key_id: String => NONE;
    /// `false` accepts a response without an audience if it declares an access token, possibly one for another service.
    introspection_require_aud: bool => value("true");
    /// `true` accepts an active response that states neither the kind of the token nor an audience. Refresh tokens may then be accepted.
    trust_active: bool => value("false");
});

/// Whether JWTs are introspected too.
#[derive(PartialEq, Eq)]
pub(super) enum Introspect {
    Always,
    Opaque,
}

impl Value for Introspect {
    const TYPE: &'static str = "word";
    const RULE: &'static str = "`always` (JWTs too) or `opaque` (only tokens that are not JWTs, if `opaque` is true)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "always" => Some(Self::Always),
            "opaque" => Some(Self::Opaque),
            _ => None,
        }
    }
}

/// Visible ASCII, as in tokens.
pub(super) struct OpaquePrefix(String);

impl Value for OpaquePrefix {
    const TYPE: &'static str = "text";
    const RULE: &'static str = "the prefix of every opaque token of the issuer in visible ASCII, such as `ory_at_`";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }
}

/// A client authentication method of OpenID Connect Core section 9.
pub(super) enum Method {
    SecretBasic,
    SecretPost,
    PrivateKey,
}

impl Value for Method {
    const TYPE: &'static str = "word";
    const RULE: &'static str = "`client_secret_basic`, `client_secret_post` or `private_key_jwt`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "client_secret_basic" => Some(Self::SecretBasic),
            "client_secret_post" => Some(Self::SecretPost),
            "private_key_jwt" => Some(Self::PrivateKey),
            _ => None,
        }
    }
}

/// A valid private key.
pub(super) struct PrivateKey(SecretString);

impl Value for PrivateKey {
    const TYPE: &'static str = "secret";
    const IS_SECRET: bool = true;
    const MAY_BE_IN_FILE: bool = true;
    const RULE: &'static str = "one PKCS#8 private key in PEM: RSA of at least 2048 bits, P-256 or Ed25519";

    fn parse(text: &str) -> Option<Self> {
        AssertionKey::from_pem(text, None).ok().map(|_| Self(text.into()))
    }
}

/// Returns `Some(None)` if introspection is not enabled, `None` if a fault was added.
pub(super) fn read(
    block: &mut Block,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<Option<IntrospectionSettings>> {
    let section: IntrospectionSection = read_issuer(block, faults);
    let unused = settings_of_introspection(&section);
    let section = section.with_defaults();
    let (opaque, always) = (section.opaque.good()?, section.introspect.good()? == Introspect::Always);
    if !opaque && !always {
        for setting in &unused {
            faults.add(block.place_of(setting), "absent unless `opaque` is true or `introspect` is `always`");
        }
        return unused.is_empty().then_some(None);
    }
    let url = endpoint::read(section.introspection_url, "introspection_url", block, plain_http, faults);
    let client_id = section.introspection_client_id.or(String::new());
    let client_id = client_id.filter(|id| !id.is_empty()).or_else(|| {
        faults.add(block.place_of("introspection_client_id"), "the client id for token introspection at the issuer");
        None
    });
    let credential = Credential {
        method: section.introspection_auth.good(),
        secret: section.introspection_client_secret.optional(),
        key: section.introspection_private_key.optional(),
        key_id: section.introspection_private_key_id.good().filter(|id| !id.is_empty()),
    };
    let credential = credential.check(block, faults);
    Some(Some(IntrospectionSettings {
        url: url?,
        client_id: client_id?,
        credential: credential?,
        opaque,
        opaque_prefix: section.opaque_prefix.optional()?.map(|prefix| prefix.0).unwrap_or_default(),
        always,
        requires_audience: section.introspection_require_aud.good()?,
        trust_active: section.trust_active.good()?,
    }))
}

/// The present settings that are valid only if introspection is enabled.
fn settings_of_introspection(section: &IntrospectionSection) -> Vec<&'static str> {
    let settings = [
        ("introspection_url", section.introspection_url.is_set()),
        ("introspection_client_id", section.introspection_client_id.is_set()),
        ("introspection_auth", section.introspection_auth.is_set()),
        ("introspection_client_secret", section.introspection_client_secret.is_set()),
        ("introspection_private_key", section.introspection_private_key.is_set()),
        ("introspection_private_key_id", section.introspection_private_key_id.is_set()),
        ("introspection_require_aud", section.introspection_require_aud.is_set()),
        ("opaque_prefix", section.opaque_prefix.is_set()),
        ("trust_active", section.trust_active.is_set()),
    ];
    settings.iter().filter(|(_, is_set)| *is_set).map(|(setting, _)| *setting).collect()
}

/// The settings of the client's credential; `None` where one is bad.
struct Credential {
    method: Option<Method>,
    secret: Option<Option<SecretString>>,
    key: Option<Option<PrivateKey>>,
    key_id: Option<String>,
}

impl Credential {
    /// The credential that the method needs. Any other one is a fault.
    fn check(self, block: &Block, faults: &mut Faults) -> Option<ClientCredential> {
        match (self.method?, self.secret?, self.key?) {
            (Method::SecretBasic, Some(secret), None) => Some(ClientCredential::SecretBasic(secret)),
            (Method::SecretPost, Some(secret), None) => Some(ClientCredential::SecretPost(secret)),
            (Method::PrivateKey, None, Some(PrivateKey(pem))) => {
                AssertionKey::from_pem(pem.expose_secret(), self.key_id).ok().map(ClientCredential::PrivateKey)
            }
            (Method::PrivateKey, ..) => {
                let place = block.place_of("introspection_private_key");
                faults.add(place, "set, without a client secret, when `introspection_auth` is `private_key_jwt`");
                None
            }
            _ => {
                let place = block.place_of("introspection_client_secret");
                faults.add(place, "set, without a private key, unless `introspection_auth` is `private_key_jwt`");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use crate::oidc::{ClientCredential, IntrospectionSettings};

    const ISSUER: [(&str, &str); 2] = [("OIDC_ISSUER", "https://id.example.com"), ("OIDC_AUDIENCE", "api")];
    const ID: (&str, &str) = ("OIDC_INTROSPECTION_CLIENT_ID", "api");
    const SECRET: (&str, &str) = ("OIDC_INTROSPECTION_CLIENT_SECRET", "marked-secret");
    const OPAQUE: (&str, &str) = ("OIDC_OPAQUE", "true");

    fn config(vars: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_vars(ISSUER.iter().chain(vars).copied()).map_err(|error| error.to_string())
    }

    fn introspection(vars: &[(&str, &str)]) -> Option<IntrospectionSettings> {
        config(vars).unwrap().oidc.unwrap().issuers.remove(0).introspection
    }

    #[test]
    fn introspection_is_disabled_by_default_and_its_settings_are_rejected() {
        assert!(introspection(&[]).is_none());
        let message = config(&[ID, SECRET]).unwrap_err();
        assert!(message.contains("OIDC_INTROSPECTION_CLIENT_SECRET must be absent unless"), "{message}");
        assert!(!message.contains("marked-secret"));
    }

    #[test]
    fn client_secret_is_sent_in_the_header_unless_post_is_configured() {
        let settings = introspection(&[OPAQUE, ID, SECRET]).unwrap();
        assert!(settings.opaque && !settings.always && !settings.trust_active && settings.requires_audience);
        assert!(matches!(settings.credential, ClientCredential::SecretBasic(_)));
        let post = ("OIDC_INTROSPECTION_AUTH", "client_secret_post");
        let settings = introspection(&[("OIDC_INTROSPECT", "always"), ID, SECRET, post]).unwrap();
        assert!(!settings.opaque && settings.always);
        assert!(matches!(settings.credential, ClientCredential::SecretPost(_)));
    }

    #[test]
    fn credential_that_does_not_match_its_method_is_rejected() {
        let by_key = ("OIDC_INTROSPECTION_AUTH", "private_key_jwt");
        let not_a_key = ("OIDC_INTROSPECTION_PRIVATE_KEY", "marked-secret");
        for (vars, place) in [
            (vec![OPAQUE, SECRET], "OIDC_INTROSPECTION_CLIENT_ID"),
            (vec![OPAQUE, ID], "OIDC_INTROSPECTION_CLIENT_SECRET"),
            (vec![OPAQUE, ID, SECRET, by_key], "OIDC_INTROSPECTION_PRIVATE_KEY"),
            (vec![OPAQUE, ID, by_key, not_a_key], "OIDC_INTROSPECTION_PRIVATE_KEY"),
            (vec![OPAQUE, ID, SECRET, ("OIDC_INTROSPECTION_URL", "http://id.example.com/")], "OIDC_INTROSPECTION_URL"),
            (vec![("OIDC_INTROSPECT", "sometimes")], "OIDC_INTROSPECT"),
            (vec![OPAQUE, ID, SECRET, ("OIDC_OPAQUE_PREFIX", "ory at")], "OIDC_OPAQUE_PREFIX"),
            (vec![OPAQUE, ID, SECRET, ("OIDC_INTROSPECTION_REQUIRE_AUD", "no")], "OIDC_INTROSPECTION_REQUIRE_AUD"),
        ] {
            let message = config(&vars).unwrap_err();
            assert!(message.contains(&format!("{place} must be")), "{message}");
            assert!(!message.contains("marked-secret"), "{message}");
        }
    }

    #[test]
    fn second_issuer_of_opaque_tokens_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("issuers.toml");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "marked-secret\n").unwrap();
        let block = |name: &str| {
            format!(
                "[[issuer]]\nissuer = \"https://{name}.example.com\"\naudiences = [\"api\"]\nopaque = true\n\
                 introspection_client_id = \"api\"\nintrospection_client_secret_file = \"{}\"\n",
                secret.display()
            )
        };
        let read = |text: String| {
            std::fs::write(&file, text).unwrap();
            Config::from_vars([("OIDC_ISSUERS_FILE", file.as_os_str())]).map_err(|error| error.to_string())
        };
        assert!(read(block("one")).is_ok());
        let message = read(block("one") + &block("two")).unwrap_err();
        assert!(message.contains("line 8, `issuer` must be without `opaque`"), "{message}");
    }
}
