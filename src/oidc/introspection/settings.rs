//! The introspection settings of an issuer, filled from the configuration.

use secrecy::SecretString;
use url::Url;

use super::assertion_key::AssertionKey;

/// The introspection settings of an issuer (RFC 7662).
#[derive(Clone, Debug)]
pub struct IntrospectionSettings {
    /// The introspection endpoint; `None` for that of the issuer's metadata.
    pub url: Option<Url>,
    /// The client id of this service at the issuer.
    pub client_id: String,
    /// The client's credential.
    pub credential: ClientCredential,
    /// Whether opaque tokens are introspected at this issuer. At most one issuer can have them, because an opaque token names no issuer.
    pub opaque: bool,
    /// The prefix of the issuer's opaque tokens; tokens without it are rejected without a request. Empty if there is none.
    pub opaque_prefix: String,
    /// Whether the issuer's JWTs are introspected too, after their signature is verified.
    pub always: bool,
    /// Whether the response for an opaque token must contain this service's audience. If false, a response for an access token may omit
    /// the audience; an audience that is present must still match.
    pub requires_audience: bool,
    /// Whether `active` suffices if the response has neither a token kind nor an audience. Some issuers report refresh and ID tokens as
    /// active too.
    pub trust_active: bool,
}

/// The credential of a client. Its `Debug` output contains no secret.
#[derive(Clone, Debug)]
pub enum ClientCredential {
    /// The secret in the Authorization field (`client_secret_basic`, RFC 6749 section 2.3.1).
    SecretBasic(SecretString),
    /// The secret in the body (`client_secret_post`, RFC 6749 section 2.3.1).
    SecretPost(SecretString),
    /// An assertion signed for each request (`private_key_jwt`, RFC 7523 section 2.2).
    PrivateKey(AssertionKey),
}
