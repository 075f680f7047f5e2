//! The checks of the verifier by name, for diagnostic output.

/// One check of the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The token is a signed JWT in strict encoding, within the length limit.
    Form,
    /// The header has no unsupported extension, and its `typ`, if present, is that of an access token.
    Header,
    /// `iss` names a trusted issuer.
    Issuer,
    /// `alg` is allowed for this issuer.
    Algorithm,
    /// The issuer's introspection endpoint reports the token as active.
    Active,
    /// `aud` names this service.
    Audience,
    /// `exp`, `nbf` and `iat` permit use at this time.
    Times,
    /// The token is an access token and not sender-constrained.
    Kind,
    /// The subject and the client id are well-formed.
    Subject,
    /// The client is allowed.
    Client,
    /// A key of the issuer verifies the signature.
    Signature,
    /// The claims meet the configured requirements.
    Requirements,
}

impl Check {
    /// The stable code of the check.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Header => "header",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::Active => "active",
            Self::Audience => "audience",
            Self::Times => "times",
            Self::Kind => "kind",
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Signature => "signature",
            Self::Requirements => "requirements",
        }
    }

    /// The message for a passed check.
    pub const fn passed(self) -> &'static str {
        match self {
            Self::Form => "the token is a signed JWT",
            Self::Header => "the header is supported",
            Self::Issuer => "the issuer is trusted",
            Self::Algorithm => "the algorithm is allowed for this issuer",
            Self::Active => "the issuer reports the token as active",
            Self::Audience => "the token is intended for this service",
            Self::Times => "the token is valid at this time",
            Self::Kind => "the token is an access token",
            Self::Subject => "the subject is well-formed",
            Self::Client => "the client is allowed",
            Self::Signature => "a key of the issuer verifies the signature",
            Self::Requirements => "the configured requirements are met",
        }
    }
}
