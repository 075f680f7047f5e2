//! The reasons for which a token is refused, one per check. Their texts never contain token content.

use std::sync::Arc;

use crate::jose::fault::FormFault;

/// The reason for which a token is refused.
///
/// Its text is a fixed sentence, and its [`code`](Self::code) a fixed word for logs and metrics; neither contains token content.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// The token exceeds the length limit.
    #[error("The token is too long.")]
    TooLong,
    /// The token does not have three segments: it is opaque, encrypted or malformed.
    #[error("The token is not a signed JWT.")]
    NotASignedJwt,
    /// A segment is not base64url without padding (RFC 7515 section 2).
    #[error("The token contains invalid base64url.")]
    BadEncoding,
    /// The header is not one strict JSON object with members of the right types (RFC 7515 section 4).
    #[error("The token's header is malformed.")]
    MalformedHeader,
    /// The header requires an extension (`crit`, `b64`, `zip`, `enc`); none is supported (RFC 7515 section 4.1.11).
    #[error("The token's header requires an unsupported extension.")]
    UnsupportedExtension,
    /// `typ` names another type of token (RFC 8725 section 3.11).
    #[error("The `typ` of the token's header is not that of an access token.")]
    WrongType,
    /// `alg` is unsigned, symmetric, unknown or not allowed for the issuer (RFC 8725 section 3.1).
    #[error("The token's signature algorithm is not allowed.")]
    AlgorithmNotAllowed,
    /// The claims are not one strict JSON object (RFC 7519 section 7.2).
    #[error("The token's claims are malformed.")]
    MalformedClaims,
    /// `iss` is missing or not a trusted issuer.
    #[error("The token's issuer is not trusted.")]
    UnknownIssuer,
    /// `aud` is missing, malformed or does not name this service (RFC 8725 section 3.9).
    #[error("The token is meant for another audience.")]
    WrongAudience,
    /// `exp` is missing (RFC 9068 section 2.2).
    #[error("The token has no `exp` claim.")]
    NoExpiry,
    /// `exp`, `nbf` or `iat` is not a finite JSON number within range (RFC 7519 section 2).
    #[error("A time in the token is malformed.")]
    MalformedTime,
    /// `exp` has passed.
    #[error("The token has expired.")]
    Expired,
    /// `nbf` is in the future.
    #[error("The token is not valid yet.")]
    NotYetValid,
    /// `iat` is in the future.
    #[error("The token was issued in the future.")]
    IssuedInTheFuture,
    /// The token is an ID, refresh, logout or event token instead of an access token, or its claims contradict each other (RFC 8725 section 3.12).
    #[error("The token is not an access token.")]
    NotAnAccessToken,
    /// A token that is not an ID token came as one in a token response (OIDC Core section 2).
    #[error("The token is not an ID token.")]
    NotAnIdToken,
    /// A token that is not a logout token came as one (OIDC Back-Channel Logout section 2.4).
    #[error("The token is not a logout token.")]
    NotALogoutToken,
    /// `nonce` of an ID token is not that of the sign-in (OIDC Core section 3.1.3.7).
    #[error("The ID token belongs to another sign-in.")]
    WrongNonce,
    /// `at_hash` of an ID token is not the hash of the access token (OIDC Core section 3.1.3.8).
    #[error("The ID token was issued with another access token.")]
    WrongTokenHash,
    /// The token has `cnf`: its use requires proof of possession of a key (RFC 7800), which is not supported.
    #[error("Sender-constrained tokens are not supported.")]
    SenderConstrained,
    /// `sub` is not a valid name, or it is missing and the client id does not replace it.
    #[error("The token's subject is missing or malformed.")]
    BadSubject,
    /// The client id is not a valid name.
    #[error("The token's client id is malformed.")]
    BadClient,
    /// The client that obtained the token is not allowed.
    #[error("The token's client is not allowed.")]
    ClientNotAllowed,
    /// The token is verified but does not meet a configured requirement; the text is the requirement's message.
    #[error("{0}")]
    RequirementUnmet(Arc<str>),
    /// The issuer publishes no key that matches the header.
    #[error("The token is signed with a key that its issuer does not publish.")]
    UnknownKey,
    /// The key named by the header has another algorithm (RFC 8725 section 3.1).
    #[error("The token's algorithm does not match its key.")]
    KeyMismatch,
    /// More than one key matches the header.
    #[error("More than one key matches the token's header.")]
    AmbiguousKey,
    /// The signature does not verify.
    #[error("The token's signature is not valid.")]
    BadSignature,
    /// The introspection endpoint reports the token as not active: expired, revoked or never issued (RFC 7662 section 2.2).
    #[error("The issuer reports the token as not active.")]
    NotActive,
    /// The introspection endpoint is unavailable or returned an invalid response. The token itself may be valid.
    #[error("The token's issuer is unavailable for introspection.")]
    IntrospectionUnavailable,
    /// The issuer's keys could not be fetched. The token itself may be valid.
    #[error("The keys of the token's issuer are unavailable.")]
    KeysUnavailable,
}

impl Rejection {
    /// The stable code of the reason for logs and metrics.
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
            Self::NotAnIdToken => "not-an-id-token",
            Self::NotALogoutToken => "not-a-logout-token",
            Self::WrongNonce => "wrong-nonce",
            Self::WrongTokenHash => "wrong-token-hash",
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

    /// Whether keys or introspection were unavailable: an outage on our side, not the client's fault.
    pub const fn is_our_outage(&self) -> bool {
        matches!(self, Self::KeysUnavailable | Self::IntrospectionUnavailable)
    }
}

impl From<FormFault> for Rejection {
    fn from(fault: FormFault) -> Self {
        match fault {
            FormFault::TooLong => Self::TooLong,
            FormFault::NotASignedJwt => Self::NotASignedJwt,
            FormFault::BadEncoding => Self::BadEncoding,
            FormFault::MalformedHeader => Self::MalformedHeader,
            FormFault::UnsupportedExtension => Self::UnsupportedExtension,
            FormFault::WrongType => Self::WrongType,
            FormFault::AlgorithmNotAllowed => Self::AlgorithmNotAllowed,
            FormFault::MalformedClaims => Self::MalformedClaims,
        }
    }
}
