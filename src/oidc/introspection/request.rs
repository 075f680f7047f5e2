//! The introspection request, with its client authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::error::IntrospectionError;
use super::{ClientCredential, IntrospectionSettings};
use crate::oidc::keys::fetch::FormRequest;

/// RFC 9701 section 4: prefers a signed response to a plain one.
const ACCEPT: &str = "application/token-introspection+jwt, application/json;q=0.9";
/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Builds the request for `token` (RFC 7662 section 2.1). Fails if the client assertion cannot be signed.
pub(super) fn build(
    settings: &IntrospectionSettings,
    token: &str,
    issuer: &str,
    now: DateTime<Utc>,
) -> Result<FormRequest, IntrospectionError> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token).append_pair("token_type_hint", "access_token");
    let mut authorization = None;
    match &settings.credential {
        ClientCredential::SecretBasic(secret) => authorization = Some(basic(&settings.client_id, secret)),
        ClientCredential::SecretPost(secret) => {
            form.append_pair("client_id", &settings.client_id).append_pair("client_secret", secret.expose_secret());
        }
        ClientCredential::PrivateKey(key) => {
            // The audience is the issuer identifier (RFC 7523 section 3, point 3), as OpenID providers now require.
            let assertion = key.assert(&settings.client_id, issuer, now).map_err(|_| IntrospectionError::Signing)?;
            form.append_pair("client_id", &settings.client_id)
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", &assertion);
        }
    }
    Ok(FormRequest { accept: ACCEPT, authorization, body: SecretString::from(form.finish()) })
}

/// RFC 6749 section 2.3.1: each part is form-encoded first, so that the client id may contain a colon.
fn basic(client_id: &str, secret: &SecretString) -> SecretString {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret.expose_secret()));
    SecretString::from(format!("Basic {}", STANDARD.encode(pair)))
}
