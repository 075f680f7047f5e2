//! The reasons why an entry of a key set is skipped.

/// The reason why an entry of a key set is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Inadmissible {
    NotAnObject,
    DuplicateMember,
    /// It contains a private or symmetric key, which is compromised by its publication.
    PrivateMember,
    NotForSignatures,
    NotForVerification,
    BadKeyId,
    UnknownKeyType,
    UnknownCurve,
    /// Its `alg` is not a signature algorithm for this type of key, or is not allowed for the issuer.
    AlgorithmNotAllowed,
    /// A member of the key material is missing or not in its canonical encoding.
    MalformedMaterial,
    ModulusSize,
    EvenModulus,
    BadExponent,
    NotOnCurve,
    SmallOrder,
}

impl Inadmissible {
    /// Returns the stable reason code, for logs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotAnObject => "not-an-object",
            Self::DuplicateMember => "duplicate-member",
            Self::PrivateMember => "private-member",
            Self::NotForSignatures => "not-for-signatures",
            Self::NotForVerification => "not-for-verification",
            Self::BadKeyId => "bad-key-id",
            Self::UnknownKeyType => "unknown-key-type",
            Self::UnknownCurve => "unknown-curve",
            Self::AlgorithmNotAllowed => "algorithm-not-allowed",
            Self::MalformedMaterial => "malformed-material",
            Self::ModulusSize => "modulus-size",
            Self::EvenModulus => "even-modulus",
            Self::BadExponent => "bad-exponent",
            Self::NotOnCurve => "not-on-curve",
            Self::SmallOrder => "small-order",
        }
    }
}
