//! The JOSE header: the members that are read, and the reasons for an early refusal.
//!
//! `jku`, `x5u`, `jwk`, `x5c` and all other members are ignored: keys come only from the issuer (RFC 8725 section 3.10).

use std::fmt;
use std::sync::Arc;

use super::Algorithm;
use super::fault::FormFault;
use super::unique_json::{Json, Object};
use quick_cache::sync::Cache;

/// The longest accepted key id, in bytes; key sets have the same limit.
pub(crate) const MAX_KEY_ID_BYTES: usize = 256;

/// Unsupported members that change what is signed or how: RFC 7515 section 4.1.11 (`crit`), RFC 7797 (`b64`), RFC 7516 section 4.1
/// (`enc`, `zip`).
const UNSUPPORTED_EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// The content of a header whose token is not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UnverifiedHeader {
    pub(crate) algorithm: Algorithm,
    /// Used only to select one of the issuer's keys.
    pub(crate) key_id: Option<String>,
    /// Whether `typ` is `at+jwt` (RFC 9068 section 2.1).
    pub(crate) is_at_jwt: bool,
}

/// Omits the key id, which is unverified input.
impl fmt::Debug for UnverifiedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedHeader").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl UnverifiedHeader {
    /// Reads the header of a token that is not a credential: an ID token or one of type `kind`. `typ` may also be absent or `JWT`.
    pub(crate) fn read_of_kind(mut members: Object<'_>, kind: &str) -> Result<Self, FormFault> {
        let is_of_kind = members.get("typ").and_then(Json::as_str).is_some_and(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").unwrap_or(&typ) == kind
        });
        if is_of_kind {
            members.remove("typ");
        }
        let header = Self::read(members)?;
        if header.is_at_jwt { Err(FormFault::WrongType) } else { Ok(header) }
    }

    pub(crate) fn read(mut members: Object<'_>) -> Result<Self, FormFault> {
        if UNSUPPORTED_EXTENSIONS.iter().any(|name| members.contains_key(name)) {
            return Err(FormFault::UnsupportedExtension);
        }
        Ok(Self {
            is_at_jwt: is_at_jwt(members.get("typ"))?,
            algorithm: algorithm(members.get("alg"))?,
            key_id: key_id(members.remove("kid"))?,
        })
    }
}

/// An encoded header and its parsed content.
pub(crate) struct ParsedHeader {
    pub(crate) text: Box<str>,
    pub(crate) content: UnverifiedHeader,
}

/// The capacity. The headers of one issuer differ only by key.
const MAX_HEADERS: usize = 64;

/// A cache of the parsed headers of verified tokens.
pub(crate) struct HeaderCache(Cache<Box<str>, Arc<ParsedHeader>>);

impl HeaderCache {
    pub(crate) fn new() -> Self {
        Self(Cache::new(MAX_HEADERS))
    }

    pub(crate) fn find(&self, text: &str) -> Option<Arc<ParsedHeader>> {
        self.0.get(text)
    }

    /// Caches `header`. Its token must be verified, so that forged tokens cannot evict useful entries.
    pub(crate) fn insert(&self, header: &Arc<ParsedHeader>) {
        if self.0.peek(&header.text).is_none() {
            self.0.insert(header.text.clone(), Arc::clone(header));
        }
    }
}

fn algorithm(alg: Option<&Json<'_>>) -> Result<Algorithm, FormFault> {
    let name = alg.and_then(Json::as_str).ok_or(FormFault::MalformedHeader)?;
    name.parse().map_err(|_| FormFault::AlgorithmNotAllowed)
}

/// Media types are case-insensitive, and `application/` may be omitted (RFC 7515 section 4.1.9).
fn is_at_jwt(typ: Option<&Json<'_>>) -> Result<bool, FormFault> {
    let Some(typ) = typ else { return Ok(false) };
    let typ = typ.as_str().ok_or(FormFault::MalformedHeader)?;
    if typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt") {
        Ok(true)
    } else if typ.eq_ignore_ascii_case("JWT") {
        Ok(false)
    } else {
        Err(FormFault::WrongType)
    }
}

fn key_id(kid: Option<Json<'_>>) -> Result<Option<String>, FormFault> {
    match kid {
        None => Ok(None),
        Some(Json::Text(kid)) if kid.len() <= MAX_KEY_ID_BYTES => Ok(Some(kid.into_owned())),
        Some(_) => Err(FormFault::MalformedHeader),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(header: Value) -> Result<UnverifiedHeader, FormFault> {
        UnverifiedHeader::read(Object::of(&header))
    }

    #[test]
    fn types_of_access_tokens_are_accepted() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert!(read(json!({ "alg": "RS256", "typ": typ })).unwrap().is_at_jwt, "{typ}");
        }
        for header in [
            json!({ "alg": "RS256" }),
            json!({ "alg": "RS256", "typ": "JWT" }),
            json!({ "alg": "RS256", "typ": "jwt" }),
        ] {
            assert!(!read(header).unwrap().is_at_jwt);
        }
    }

    #[test]
    fn other_types_are_rejected() {
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", "", "at+jwt ", "application/jwt", "text/at+jwt"] {
            assert_eq!(read(json!({ "alg": "RS256", "typ": typ })), Err(FormFault::WrongType), "{typ}");
        }
        for typ in [json!(null), json!(["at+jwt"]), json!(1)] {
            assert_eq!(read(json!({ "alg": "RS256", "typ": typ })), Err(FormFault::MalformedHeader));
        }
    }

    #[test]
    fn extensions_are_rejected_whatever_their_value() {
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("crit", json!(null)),
            ("b64", json!(true)),
            ("zip", json!("DEF")),
            ("enc", json!("A128GCM")),
        ] {
            assert_eq!(read(json!({ "alg": "RS256", name: value })), Err(FormFault::UnsupportedExtension), "{name}");
        }
    }

    #[test]
    fn unsupported_or_malformed_algorithm_is_rejected() {
        for alg in ["none", "HS256", "rs256", "RSA-OAEP", ""] {
            assert_eq!(read(json!({ "alg": alg })), Err(FormFault::AlgorithmNotAllowed), "{alg}");
        }
        for header in [json!({}), json!({ "alg": null }), json!({ "alg": ["RS256"] }), json!({ "alg": 256 })] {
            assert_eq!(read(header), Err(FormFault::MalformedHeader));
        }
    }

    #[test]
    fn key_id_is_a_string_of_bounded_length() {
        let longest = "k".repeat(MAX_KEY_ID_BYTES);
        assert_eq!(read(json!({ "alg": "ES256", "kid": longest })).unwrap().key_id, Some(longest.clone()));
        for kid in [json!(null), json!(1), json!(["a"]), json!(longest + "k")] {
            assert_eq!(read(json!({ "alg": "ES256", "kid": kid })), Err(FormFault::MalformedHeader));
        }
    }

    #[test]
    fn key_material_in_the_header_is_ignored() {
        let header =
            json!({ "alg": "ES256", "jku": "https://evil.example/", "x5u": 1, "jwk": { "k": "a" }, "x5c": [null] });
        assert_eq!(read(header), read(json!({ "alg": "ES256" })));
    }
}
