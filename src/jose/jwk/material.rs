//! The key material of a public key, checked before use.

use super::inadmissible::Inadmissible;
use crate::jose::unique_json::{Json, Object};
use crate::jose::{Algorithm, base64url};
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};

/// Smaller moduli are weak, larger ones make verification too expensive.
const RSA_MODULUS_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// Larger exponents make verification slower without a benefit.
const RSA_MAX_EXPONENT: u64 = 1 << 32;

/// The curves of RFC 7518 section 6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// Key material of a supported type that has passed the checks.
#[derive(Debug)]
pub(crate) enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// The point in uncompressed form (SEC 1 section 2.3.3).
    Ec(Curve, Vec<u8>),
    Ed25519([u8; 32]),
}

/// The verification algorithm, tied to its key type.
enum Scheme {
    Rsa(&'static RsaParameters),
    Ec(Curve, &'static EcdsaVerificationAlgorithm),
    Ed25519,
}

fn scheme(algorithm: Algorithm) -> Scheme {
    match algorithm {
        Algorithm::Rs256 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 => Scheme::Ec(Curve::P256, &signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => Scheme::Ec(Curve::P384, &signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::Es512 => Scheme::Ec(Curve::P521, &signature::ECDSA_P521_SHA512_FIXED),
        Algorithm::EdDsa => Scheme::Ed25519,
    }
}

impl Material {
    pub(crate) fn read(jwk: &Object<'_>) -> Result<Self, Inadmissible> {
        let text = |member: &str| jwk.get(member).and_then(Json::as_str);
        match text("kty") {
            Some("RSA") => Self::read_rsa(octets(jwk, "n")?, octets(jwk, "e")?),
            Some("EC") => {
                let curve = match text("crv") {
                    Some("P-256") => Curve::P256,
                    Some("P-384") => Curve::P384,
                    Some("P-521") => Curve::P521,
                    _ => return Err(Inadmissible::UnknownCurve),
                };
                Self::read_point(curve, &octets(jwk, "x")?, &octets(jwk, "y")?)
            }
            Some("OKP") if text("crv") == Some("Ed25519") => Self::read_ed25519(octets(jwk, "x")?),
            Some("OKP") => Err(Inadmissible::UnknownCurve),
            _ => Err(Inadmissible::UnknownKeyType),
        }
    }

    /// RFC 7518 section 6.3.1: both are Base64urlUInt, so a leading zero octet is malformed.
    fn read_rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, Inadmissible> {
        let (Some(&most), Some(&least)) = (n.first(), n.last()) else { return Err(Inadmissible::MalformedMaterial) };
        if most == 0 || e.first().is_none_or(|octet| *octet == 0) {
            return Err(Inadmissible::MalformedMaterial);
        }
        if !RSA_MODULUS_BITS.contains(&(n.len() * 8 - most.leading_zeros() as usize)) {
            return Err(Inadmissible::ModulusSize);
        }
        if least % 2 == 0 {
            return Err(Inadmissible::EvenModulus);
        }
        if !is_valid_exponent(&e) {
            return Err(Inadmissible::BadExponent);
        }
        Ok(Self::Rsa(RsaPublicKeyComponents { n, e }))
    }

    /// RFC 7518 section 6.2.1.2: a coordinate has the full length of the curve's field. [`parse`](Self::parse) checks that the point is
    /// on the curve.
    fn read_point(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, Inadmissible> {
        if x.len() != curve.coordinate_bytes() || y.len() != curve.coordinate_bytes() {
            return Err(Inadmissible::MalformedMaterial);
        }
        const UNCOMPRESSED: u8 = 4;
        Ok(Self::Ec(curve, [&[UNCOMPRESSED], x, y].concat()))
    }

    fn read_ed25519(x: Vec<u8>) -> Result<Self, Inadmissible> {
        let point: [u8; 32] = x.try_into().map_err(|_| Inadmissible::MalformedMaterial)?;
        if is_weak_ed25519(&point) { Err(Inadmissible::SmallOrder) } else { Ok(Self::Ed25519(point)) }
    }

    /// Returns whether keys of this type sign with `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        match (self, scheme(algorithm)) {
            (Self::Rsa(_), Scheme::Rsa(_)) | (Self::Ed25519(_), Scheme::Ed25519) => true,
            (Self::Ec(curve, _), Scheme::Ec(needed, _)) => *curve == needed,
            _ => false,
        }
    }

    /// Parses the key for `algorithm`. Fails if the key is malformed, not on its curve or of another type.
    pub(crate) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, Inadmissible> {
        match (self, scheme(algorithm)) {
            (Self::Rsa(components), Scheme::Rsa(parameters)) => {
                components.to_parsed_public_key(parameters).map_err(|_| Inadmissible::MalformedMaterial)
            }
            (Self::Ec(curve, point), Scheme::Ec(needed, verification)) if *curve == needed => {
                ParsedPublicKey::new(verification, point).map_err(|_| Inadmissible::NotOnCurve)
            }
            (Self::Ed25519(point), Scheme::Ed25519) => {
                ParsedPublicKey::new(&signature::ED25519, point).map_err(|_| Inadmissible::NotOnCurve)
            }
            _ => Err(Inadmissible::AlgorithmNotAllowed),
        }
    }
}

fn octets(jwk: &Object<'_>, member: &str) -> Result<Vec<u8>, Inadmissible> {
    let text = jwk.get(member).and_then(Json::as_str);
    text.and_then(base64url::decode).ok_or(Inadmissible::MalformedMaterial)
}

/// Returns whether the exponent is odd and from 3 to 2³².
fn is_valid_exponent(e: &[u8]) -> bool {
    if e.len() > size_of::<u64>() {
        return false;
    }
    let exponent = e.iter().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
    exponent % 2 == 1 && (3..=RSA_MAX_EXPONENT).contains(&exponent)
}

/// Returns whether the encoded point has a small order, so that one signature is valid for many messages, or is not canonical by
/// RFC 8032 section 5.1.3 (its y is not below 2²⁵⁵ − 19). The sign bit of x is irrelevant to both.
///
/// A point that is not on the curve returns false: no signature verifies with it.
fn is_weak_ed25519(point: &[u8; 32]) -> bool {
    /// y of the two points of order 8 and their negatives; the code below covers orders 1, 2 and 4.
    const ORDER_EIGHT: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *point;
    y[31] &= 0x7f;
    let [least, middle @ .., most] = y;
    // y = 0 (order 4) or 1 (order 1).
    let is_tiny = least <= 1 && middle == [0; 30] && most == 0;
    // y = p − 1 (order 2), or p and above, which is not canonical.
    let is_huge = least >= 0xec && middle == [0xff; 30] && most == 0x7f;
    is_tiny || is_huge || ORDER_EIGHT.contains(&y)
}
