//! The checks that a token passes one after the other, by name: for those who want to see how far one comes.

/// One check of the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is a signed JWT in strict encoding, not too long.
    Form,
    /// Its header asks for nothing that is not understood and names an access token, if any kind.
    Header,
    /// `iss` names an issuer that is trusted.
    Issuer,
    /// `alg` is one that this issuer may sign with.
    Algorithm,
    /// The issuer was asked, and says that it is active.
    Active,
    /// `aud` names this service.
    Audience,
    /// `exp`, `nbf` and `iat` allow it now.
    Times,
    /// It is an access token, and bound to nobody's key.
    Kind,
    /// `sub` and the client name somebody.
    Subject,
    /// The client is one of those that are taken.
    Client,
    /// A key of the issuer verifies the signature.
    Signature,
    /// It says what the operator demands besides.
    Requirements,
}

impl Check {
    /// The check as one stable word.
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

    /// What it means that a token passed.
    pub const fn passed(self) -> &'static str {
        match self {
            Self::Form => "it is a signed JWT",
            Self::Header => "its header asks for nothing unusual",
            Self::Issuer => "its issuer is trusted",
            Self::Algorithm => "the issuer may sign with its algorithm",
            Self::Active => "the issuer says that it is active",
            Self::Audience => "it is meant for this service",
            Self::Times => "it can be used now",
            Self::Kind => "it is an access token",
            Self::Subject => "it says who it speaks of",
            Self::Client => "tokens of its client are taken",
            Self::Signature => "a key of the issuer verifies its signature",
            Self::Requirements => "it says what else is demanded",
        }
    }
}
