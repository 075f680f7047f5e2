//! The faults of a token's form, before its content is known.

/// The fault in the form of a token. Its name never contains token content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormFault {
    /// The token exceeds the length limit.
    TooLong,
    /// The token does not have three segments.
    NotASignedJwt,
    /// A segment is not base64url without padding (RFC 7515 section 2).
    BadEncoding,
    /// The header is not one strict JSON object with members of the right types (RFC 7515 section 4).
    MalformedHeader,
    /// The header requires an extension, and none is supported (RFC 7515 section 4.1.11).
    UnsupportedExtension,
    /// `typ` names another type of token (RFC 8725 section 3.11).
    WrongType,
    /// `alg` is unsigned, symmetric or unknown (RFC 8725 section 3.1).
    AlgorithmNotAllowed,
    /// The claims are not one strict JSON object (RFC 7519 section 7.2).
    MalformedClaims,
}
