//! How an issuer is asked about its tokens, and about which.

use secrecy::SecretString;

use super::block::Block;
use super::endpoint;
use crate::config::faults::Faults;
use crate::oidc::{AssertionKey, ClientCredential, IntrospectionSettings, PlainHttp};

/// The settings that make sense only where the issuer is asked.
const SETTINGS: &[&str] = &[
    "introspection_url",
    "introspection_client_id",
    "introspection_auth",
    "introspection_client_secret",
    "introspection_client_secret_file",
    "introspection_private_key",
    "introspection_private_key_file",
    "introspection_private_key_id",
    "trust_active",
];

/// `Some(None)` where the issuer is not to be asked; `None` where something is wrong, which is then among the faults.
pub(super) fn read(
    block: &mut Block,
    plain_http: &PlainHttp,
    faults: &mut Faults,
) -> Option<Option<IntrospectionSettings>> {
    let opaque = block.flag("opaque", false, faults)?;
    let rule = "`always` (JWTs too) or `opaque` (only tokens that are no JWT, where `opaque` is set)";
    let always = block.parse("introspect", false, rule, always, faults)?;
    if !opaque && !always {
        return refuse_what_has_no_use(block, faults).then_some(None);
    }
    let url = endpoint(block, "introspection_url", plain_http, faults);
    let client_id = client_id(block, faults);
    let credential = credential(block, faults);
    let trust_active = block.flag("trust_active", false, faults);
    Some(Some(IntrospectionSettings {
        url: url?,
        client_id: client_id?,
        credential: credential?,
        opaque,
        always,
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

/// Whether nothing was written that waits for somebody to ask.
fn refuse_what_has_no_use(block: &mut Block, faults: &mut Faults) -> bool {
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
        faults.add(place, "the client id as which the issuer is asked about tokens");
        return None;
    }
    Some(client_id)
}

/// How a client proves itself, as OpenID Connect names it (Core section 9).
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
    let secret = secret(block, "introspection_client_secret", faults)?;
    let key = secret_key(block, key_id, faults)?;
    match (method, secret, key) {
        (Method::SecretBasic, Some(secret), None) => Some(ClientCredential::SecretBasic(secret)),
        (Method::SecretPost, Some(secret), None) => Some(ClientCredential::SecretPost(secret)),
        (Method::PrivateKey, None, Some(key)) => Some(ClientCredential::PrivateKey(key)),
        (Method::PrivateKey, ..) => {
            let place = block.place_of("introspection_private_key");
            faults.add(place, "set, and no secret beside it, where `introspection_auth` is `private_key_jwt`");
            None
        }
        _ => {
            let place = block.place_of("introspection_client_secret");
            faults.add(place, "set, and no private key beside it, unless `introspection_auth` is `private_key_jwt`");
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
    use secrecy::ExposeSecret;

    let place = block.place_of("introspection_private_key");
    let Some(pem) = secret(block, "introspection_private_key", faults)? else { return Some(None) };
    let key_id = Some(key_id).filter(|key_id| !key_id.is_empty());
    match AssertionKey::from_pem(pem.expose_secret(), key_id) {
        Ok(key) => Some(Some(key)),
        Err(_) => {
            faults.add(place, "one PKCS#8 private key in PEM: RSA of at least 2048 bits, P-256 or Ed25519");
            None
        }
    }
}

/// A secret, written out or in a file of its own.
fn secret(block: &mut Block, setting: &str, faults: &mut Faults) -> Option<Option<SecretString>> {
    let file_setting = format!("{setting}_file");
    if block.has(setting) && block.has(&file_setting) {
        faults.add(block.place_of(&file_setting), format!("absent where `{setting}` is set"));
    }
    let filled = |text: &str| Some(text).filter(|text| !text.is_empty()).map(|text| Some(SecretString::from(text)));
    let written = block.parse(setting, None, "a text that is not empty", filled, faults);
    let read = |path: &str| {
        let text = SecretString::from(std::fs::read_to_string(path).ok()?);
        filled(secrecy::ExposeSecret::expose_secret(&text).trim_end_matches(['\r', '\n']))
    };
    let rule = "the path of a readable UTF-8 file that holds the secret";
    let in_file = block.parse(&file_setting, None, rule, read, faults);
    Some(written?.or(in_file?))
}
