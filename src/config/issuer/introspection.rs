//! Token introspection at an issuer: which tokens, and with which credential.

use secrecy::ExposeSecret;

use super::block::Block;
use super::endpoint;
use crate::config::faults::Faults;
use crate::oidc::{AssertionKey, ClientCredential, IntrospectionSettings, PlainHttp};

/// The settings that are valid only if introspection is enabled.
const SETTINGS: &[&str] = &[
    "introspection_url",
    "introspection_client_id",
    "introspection_auth",
    "introspection_client_secret",
    "introspection_client_secret_file",
    "introspection_private_key",
    "introspection_private_key_file",
    "introspection_private_key_id",
    "introspection_require_aud",
    "opaque_prefix",
    "trust_active",
];

/// Returns `Some(None)` if introspection is not enabled, `None` if a fault was added.
pub(super) fn read(
    block: &mut Block,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<Option<IntrospectionSettings>> {
    let opaque = block.flag("opaque", false, faults)?;
    let rule = "`always` (JWTs too) or `opaque` (only tokens that are not JWTs, if `opaque` is true)";
    let always = block.parse("introspect", false, rule, always, faults)?;
    if !opaque && !always {
        return has_no_unused_settings(block, faults).then_some(None);
    }
    let url = endpoint(block, "introspection_url", plain_http, faults);
    let client_id = client_id(block, faults);
    let credential = credential(block, faults);
    let rule = "the prefix of every opaque token of the issuer, such as `ory_at_`";
    let opaque_prefix = block.parse("opaque_prefix", String::new(), rule, opaque_prefix, faults);
    let requires_audience = block.flag("introspection_require_aud", true, faults);
    let trust_active = block.flag("trust_active", false, faults);
    Some(Some(IntrospectionSettings {
        url: url?,
        client_id: client_id?,
        credential: credential?,
        opaque,
        opaque_prefix: opaque_prefix?,
        always,
        requires_audience: requires_audience?,
        trust_active: trust_active?,
    }))
}

fn always(text: &str) -> Option<bool> {
    match text {
        "always" => Some(true),
        "opaque" => Some(false),
        _ => None,
    }
}

/// Visible ASCII, as in tokens.
fn opaque_prefix(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())).then(|| text.to_owned())
}

/// Whether no introspection setting is present. Each one that is present is a fault.
fn has_no_unused_settings(block: &mut Block, faults: &mut Faults) -> bool {
    let written: Vec<_> = SETTINGS.iter().filter(|setting| block.has(setting)).collect();
    for setting in &written {
        faults.add(block.place_of(setting), "absent unless `opaque` is true or `introspect` is `always`");
        block.drop(setting);
    }
    written.is_empty()
}

fn client_id(block: &mut Block, faults: &mut Faults) -> Option<String> {
    let place = block.place_of("introspection_client_id");
    let client_id = block.text("introspection_client_id", "", faults)?;
    if client_id.is_empty() {
        faults.add(place, "the client id for token introspection at the issuer");
        return None;
    }
    Some(client_id)
}

/// A client authentication method of OpenID Connect Core section 9.
#[derive(Clone, Copy)]
enum Method {
    SecretBasic,
    SecretPost,
    PrivateKey,
}

fn credential(block: &mut Block, faults: &mut Faults) -> Option<ClientCredential> {
    let rule = "`client_secret_basic`, `client_secret_post` or `private_key_jwt`";
    let method = block.parse("introspection_auth", Method::SecretBasic, rule, method, faults)?;
    let key_id = block.text("introspection_private_key_id", "", faults)?;
    let secret = block.text_or_file("introspection_client_secret", faults)?;
    let key = secret_key(block, key_id, faults)?;
    match (method, secret, key) {
        (Method::SecretBasic, Some(secret), None) => Some(ClientCredential::SecretBasic(secret)),
        (Method::SecretPost, Some(secret), None) => Some(ClientCredential::SecretPost(secret)),
        (Method::PrivateKey, None, Some(key)) => Some(ClientCredential::PrivateKey(key)),
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

fn method(text: &str) -> Option<Method> {
    match text {
        "client_secret_basic" => Some(Method::SecretBasic),
        "client_secret_post" => Some(Method::SecretPost),
        "private_key_jwt" => Some(Method::PrivateKey),
        _ => None,
    }
}

fn secret_key(block: &mut Block, key_id: String, faults: &mut Faults) -> Option<Option<AssertionKey>> {
    let place = block.place_of("introspection_private_key");
    let Some(pem) = block.text_or_file("introspection_private_key", faults)? else { return Some(None) };
    let key_id = Some(key_id).filter(|key_id| !key_id.is_empty());
    match AssertionKey::from_pem(pem.expose_secret(), key_id) {
        Ok(key) => Some(Some(key)),
        Err(_) => {
            faults.add(place, "one PKCS#8 private key in PEM: RSA of at least 2048 bits, P-256 or Ed25519");
            None
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
