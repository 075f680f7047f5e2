//! How an issuer is asked about a token, and about which: the values that configuration fills.

use secrecy::SecretString;
use url::Url;

use super::assertion_key::AssertionKey;

/// How an issuer is asked about tokens (RFC 7662).
#[derive(Clone, Debug)]
pub struct IntrospectionSettings {
    /// Where; without it the issuer's metadata says.
    pub url: Option<Url>,
    /// As whom this service asks.
    pub client_id: String,
    /// How it proves that it is this client.
    pub credential: ClientCredential,
    /// Whether tokens that are no JWT are taken to this issuer. One issuer at most can have them: such a token does not say whose it is.
    pub opaque: bool,
    /// What the opaque tokens of this issuer start with; any other is refused without a question. Empty where nothing is known of it.
    pub opaque_prefix: String,
    /// Whether the issuer is asked about its JWTs as well, once their signature is proved.
    pub always: bool,
    /// Whether an opaque token's audience has to be named, and ours. Without it an answer may leave the audience out where it says that
    /// the token is an access token; one that names an audience has to name ours all the same.
    pub requires_audience: bool,
    /// Whether "active" is enough where the answer says neither what kind of token it is nor for which audience. Some issuers call
    /// refresh and ID tokens active too.
    pub trust_active: bool,
}

/// How a client proves who it is. Its `Debug` prints no secret.
#[derive(Clone, Debug)]
pub enum ClientCredential {
    /// The secret in the Authorization field (`client_secret_basic`, RFC 6749 section 2.3.1).
    SecretBasic(SecretString),
    /// The secret in the body (`client_secret_post`, RFC 6749 section 2.3.1).
    SecretPost(SecretString),
    /// An assertion signed for each request (`private_key_jwt`, RFC 7523 section 2.2).
    PrivateKey(AssertionKey),
}
