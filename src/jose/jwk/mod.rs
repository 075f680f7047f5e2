//! Admission of published keys. Each key is checked separately, and only public keys for signature verification are admitted.
//!
//! Keys with a private part, for encryption, of an unknown or weak type, or in a non-canonical encoding are rejected
//! (RFC 7517 sections 4 and 5, RFC 7518 section 6, RFC 8725 section 3.4).

mod inadmissible;
mod material;

use std::fmt;
use std::sync::Arc;

use super::Algorithm;
use super::header::MAX_KEY_ID_BYTES;
use super::unique_json::{Json, Object};
use crate::redacted::redact_debug;
use aws_lc_rs::signature::ParsedPublicKey;
use material::Material;

pub(crate) use inadmissible::Inadmissible;

/// Members of private and symmetric keys (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key of an issuer, parsed for one signature algorithm.
pub(crate) struct VerificationKey {
    pub(crate) key_id: Option<String>,
    pub(crate) algorithm: Algorithm,
    parsed: ParsedPublicKey,
}

impl VerificationKey {
    /// Returns whether `signature` is a signature of this key over `text`.
    pub(crate) fn verifies(&self, text: impl AsRef<[u8]>, signature: &[u8]) -> bool {
        self.parsed.verify_sig(text.as_ref(), signature).is_ok()
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey").field("key_id", &self.key_id).field("algorithm", &self.algorithm).finish()
    }
}

/// One entry of a key set, parsed but not checked.
pub(crate) struct KeyEntry<'a> {
    pub(crate) value: Json<'a>,
    pub(crate) has_duplicates: bool,
}

redact_debug!(KeyEntry<'a>);

/// Returns the key in `entry`, once for each algorithm in `allowed` that it can be used with: the one in its `alg`, or, without `alg`,
/// those of its type. Fails if the entry is not such a key.
pub(crate) fn admit(entry: &KeyEntry<'_>, allowed: &[Algorithm]) -> Result<Vec<Arc<VerificationKey>>, Inadmissible> {
    let jwk = entry.value.as_object().ok_or(Inadmissible::NotAnObject)?;
    if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(name)) {
        return Err(Inadmissible::PrivateMember);
    }
    if entry.has_duplicates {
        return Err(Inadmissible::DuplicateMember);
    }
    check_purpose(jwk)?;
    let key_id = key_id(jwk)?;
    let material = Material::read(jwk)?;
    let named = named_algorithm(jwk)?;
    let usable = |algorithm: &&Algorithm| material.fits(**algorithm) && named.is_none_or(|named| named == **algorithm);
    let keys = allowed.iter().filter(usable).map(|&algorithm| {
        let parsed = material.parse(algorithm)?;
        Ok(Arc::new(VerificationKey { key_id: key_id.clone(), algorithm, parsed }))
    });
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(Inadmissible::AlgorithmNotAllowed) } else { Ok(keys) }
}

/// Checks `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3), each binding if present.
fn check_purpose(jwk: &Object<'_>) -> Result<(), Inadmissible> {
    if jwk.get("use").is_some_and(|purpose| purpose.as_str() != Some("sig")) {
        return Err(Inadmissible::NotForSignatures);
    }
    let lists_verify = |operations: &Json<'_>| {
        operations.as_list().is_some_and(|list| list.iter().any(|operation| operation.as_str() == Some("verify")))
    };
    if jwk.get("key_ops").is_some_and(|operations| !lists_verify(operations)) {
        return Err(Inadmissible::NotForVerification);
    }
    Ok(())
}

fn key_id(jwk: &Object<'_>) -> Result<Option<String>, Inadmissible> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Json::Text(kid)) if kid.len() <= MAX_KEY_ID_BYTES => Ok(Some(kid.to_string())),
        Some(_) => Err(Inadmissible::BadKeyId),
    }
}

fn named_algorithm(jwk: &Object<'_>) -> Result<Option<Algorithm>, Inadmissible> {
    let Some(alg) = jwk.get("alg") else { return Ok(None) };
    let named = alg.as_str().and_then(|name| name.parse().ok());
    named.map(Some).ok_or(Inadmissible::AlgorithmNotAllowed)
}

#[cfg(test)]
mod tests;
