//! Why a token was not accepted: one reason per check, in words that never come from the token.

use std::sync::Arc;

/// The reason for which a token was refused.
///
/// Its text is a fixed sentence, its [`code`](Self::code) a fixed word for logs and metrics: neither holds anything the token said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Longer than any token we read.
    #[error("The token is too long.")]
    TooLong,
    /// Not three segments: an opaque token, an encrypted one, or something else.
    #[error("The token is not a signed JWT.")]
    NotASignedJwt,
    /// A segment is not base64url without padding (RFC 7515 section 2).
    #[error("The token is not encoded as a JWT must be.")]
    BadEncoding,
    /// The header is not one strict JSON object with members of the right types (RFC 7515 section 4).
    #[error("The token's header is malformed.")]
    MalformedHeader,
    /// The header asks for an extension (`crit`, `b64`, `zip`, `enc`), and none is understood (RFC 7515 section 4.1.11).
    #[error("The token's header asks for an extension that is not supported.")]
    UnsupportedExtension,
    /// `typ` names another kind of token (RFC 8725 section 3.11).
    #[error("The token's header says that it is not an access token.")]
    WrongType,
    /// `alg` is unsigned, symmetric, unknown or not allowed for the issuer (RFC 8725 section 3.1).
    #[error("The token's signature algorithm is not allowed.")]
    AlgorithmNotAllowed,
    /// The claims are not one strict JSON object (RFC 7519 section 7.2).
    #[error("The token's claims are malformed.")]
    MalformedClaims,
    /// `iss` is missing or names nobody who is trusted here.
    #[error("The token's issuer is not trusted.")]
    UnknownIssuer,
    /// `aud` is missing, malformed or does not name this service (RFC 8725 section 3.9).
    #[error("The token is meant for another audience.")]
    WrongAudience,
    /// There is no `exp` (RFC 9068 section 2.2).
    #[error("The token does not say when it expires.")]
    NoExpiry,
    /// `exp`, `nbf` or `iat` is not a finite JSON number within range (RFC 7519 section 2).
    #[error("A time in the token is malformed.")]
    MalformedTime,
    /// `exp` has passed.
    #[error("The token has expired.")]
    Expired,
    /// `nbf` is yet to come.
    #[error("The token is not valid yet.")]
    NotYetValid,
    /// `iat` is yet to come.
    #[error("The token was issued in the future.")]
    IssuedInTheFuture,
    /// An ID, refresh, logout or event token, or one that contradicts itself (RFC 8725 section 3.12).
    #[error("The token is not an access token.")]
    NotAnAccessToken,
    /// `cnf`: whoever sends it would have to prove possession of a key (RFC 7800), which cannot be checked here.
    #[error("The token is bound to a key of its sender, which is not supported.")]
    SenderConstrained,
    /// `sub` is missing where no client stands in for it, or is not a text that may name somebody.
    #[error("The token's subject is missing or malformed.")]
    BadSubject,
    /// The claim that names the client is not a text that may name somebody.
    #[error("The token's client is malformed.")]
    BadClient,
    /// The token was obtained by a client whose tokens are not taken.
    #[error("Tokens of this client are not taken here.")]
    ClientNotAllowed,
    /// The token is proved, but does not say what the operator demands of the issuer's tokens; the sentence is the operator's.
    #[error("{0}")]
    RequirementUnmet(Arc<str>),
    /// The issuer publishes no key that fits the header.
    #[error("The token is signed with a key that its issuer does not publish.")]
    UnknownKey,
    /// The key that the header names is of another algorithm (RFC 8725 section 3.1).
    #[error("The token's algorithm does not fit its key.")]
    KeyMismatch,
    /// More than one key fits the header.
    #[error("The token does not say which key it is signed with.")]
    AmbiguousKey,
    /// The signature does not verify.
    #[error("The token's signature is not valid.")]
    BadSignature,
    /// The issuer was asked and says that it is not active: expired, revoked, or never issued (RFC 7662 section 2.2).
    #[error("The token's issuer says that it is not active.")]
    NotActive,
    /// The issuer could not be asked, or did not answer so that the answer can be relied on. Nothing is wrong with the token as far as
    /// we know.
    #[error("The token's issuer could not be asked about it.")]
    IntrospectionUnavailable,
    /// The issuer's keys could not be had, so the token could not be judged. Nothing is wrong with it as far as we know.
    #[error("The keys of the token's issuer are out of reach.")]
    KeysUnavailable,
}

impl Rejection {
    /// The reason as one stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::NotASignedJwt => "not-a-signed-jwt",
            Self::BadEncoding => "bad-encoding",
            Self::MalformedHeader => "malformed-header",
            Self::UnsupportedExtension => "unsupported-extension",
            Self::WrongType => "wrong-type",
            Self::AlgorithmNotAllowed => "algorithm-not-allowed",
            Self::MalformedClaims => "malformed-claims",
            Self::UnknownIssuer => "unknown-issuer",
            Self::WrongAudience => "wrong-audience",
            Self::NoExpiry => "no-expiry",
            Self::MalformedTime => "malformed-time",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::IssuedInTheFuture => "issued-in-the-future",
            Self::NotAnAccessToken => "not-an-access-token",
            Self::SenderConstrained => "sender-constrained",
            Self::BadSubject => "bad-subject",
            Self::BadClient => "bad-client",
            Self::ClientNotAllowed => "client-not-allowed",
            Self::RequirementUnmet(_) => "requirement-unmet",
            Self::UnknownKey => "unknown-key",
            Self::KeyMismatch => "key-mismatch",
            Self::AmbiguousKey => "ambiguous-key",
            Self::BadSignature => "bad-signature",
            Self::NotActive => "not-active",
            Self::IntrospectionUnavailable => "introspection-unavailable",
            Self::KeysUnavailable => "keys-unavailable",
        }
    }

    /// Whether the token could not be judged for want of keys or of an answer, which is our outage and not its bearer's fault.
    pub const fn is_our_outage(&self) -> bool {
        matches!(self, Self::KeysUnavailable | Self::IntrospectionUnavailable)
    }
}
