//! The JOSE header: what of it is read, and what makes a token be refused before anything else is.
//!
//! `jku`, `x5u`, `jwk`, `x5c` and whatever else a header may hold are never looked at: keys come from the issuer alone
//! (RFC 8725 section 3.10).

use std::fmt;
use std::sync::Arc;

use super::strict_json::{Json, Object};
use super::{Algorithm, Rejection};
use quick_cache::sync::Cache;

/// The longest key id that is looked up, in bytes. Longer ones are not admitted to a key set either.
pub(super) const MAX_KEY_ID_BYTES: usize = 256;

/// Members that change what is signed or how, none of which is understood here: RFC 7515 section 4.1.11 (`crit`), RFC 7797 (`b64`),
/// RFC 7516 section 4.1 (`enc`, `zip`).
const UNSUPPORTED_EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// What a header says, before anything is proved.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UnverifiedHeader {
    pub(super) algorithm: Algorithm,
    /// A name to look up among the issuer's own keys, and nothing else.
    pub(super) key_id: Option<String>,
    /// Whether `typ` says that this is an access token (RFC 9068 section 2.1).
    pub(super) says_access_token: bool,
}

/// Without the key id: nobody has proved that it is one.
impl fmt::Debug for UnverifiedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedHeader").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl UnverifiedHeader {
    /// The header of a token that is not sent as a credential: an ID token, or one of the kind `kind`. `typ` may be absent or `JWT`.
    pub(super) fn read_of_kind(mut members: Object<'_>, kind: &str) -> Result<Self, Rejection> {
        let is_of_kind = members.get("typ").and_then(Json::as_str).is_some_and(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").unwrap_or(&typ) == kind
        });
        if is_of_kind {
            members.remove("typ");
        }
        let header = Self::read(members)?;
        if header.says_access_token { Err(Rejection::WrongType) } else { Ok(header) }
    }

    pub(super) fn read(mut members: Object<'_>) -> Result<Self, Rejection> {
        if UNSUPPORTED_EXTENSIONS.iter().any(|name| members.contains_key(name)) {
            return Err(Rejection::UnsupportedExtension);
        }
        Ok(Self {
            says_access_token: says_access_token(members.get("typ"))?,
            algorithm: algorithm(members.get("alg"))?,
            key_id: key_id(members.remove("kid"))?,
        })
    }
}

/// A header as it was spelt, and what that says.
pub(super) struct SpeltHeader {
    pub(super) text: Box<str>,
    pub(super) says: UnverifiedHeader,
}

/// How many headers are remembered. An issuer spells them all alike, but for the key.
const MAX_HEADERS: usize = 64;

/// The headers that tokens had which were proved: what a text says does not change, so it is read once.
pub(super) struct KnownHeaders(Cache<Box<str>, Arc<SpeltHeader>>);

impl KnownHeaders {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_HEADERS))
    }

    pub(super) fn find(&self, text: &str) -> Option<Arc<SpeltHeader>> {
        self.0.get(text)
    }

    /// Remembers `header`, of a token that was proved: strangers must not push out what is of use.
    pub(super) fn keep(&self, header: &Arc<SpeltHeader>) {
        if self.0.peek(&header.text).is_none() {
            self.0.insert(header.text.clone(), Arc::clone(header));
        }
    }
}

fn algorithm(alg: Option<&Json<'_>>) -> Result<Algorithm, Rejection> {
    let name = alg.and_then(Json::as_str).ok_or(Rejection::MalformedHeader)?;
    name.parse().map_err(|_| Rejection::AlgorithmNotAllowed)
}

/// Media types have no case, and `application/` may be left out (RFC 7515 section 4.1.9).
fn says_access_token(typ: Option<&Json<'_>>) -> Result<bool, Rejection> {
    let Some(typ) = typ else { return Ok(false) };
    let typ = typ.as_str().ok_or(Rejection::MalformedHeader)?;
    if typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt") {
        Ok(true)
    } else if typ.eq_ignore_ascii_case("JWT") {
        Ok(false)
    } else {
        Err(Rejection::WrongType)
    }
}

fn key_id(kid: Option<Json<'_>>) -> Result<Option<String>, Rejection> {
    match kid {
        None => Ok(None),
        Some(Json::Text(kid)) if kid.len() <= MAX_KEY_ID_BYTES => Ok(Some(kid.into_owned())),
        Some(_) => Err(Rejection::MalformedHeader),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(header: Value) -> Result<UnverifiedHeader, Rejection> {
        UnverifiedHeader::read(Object::of(&header))
    }

    #[test]
    fn the_types_of_access_tokens_pass() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert!(read(json!({ "alg": "RS256", "typ": typ })).unwrap().says_access_token, "{typ}");
        }
        for header in [
            json!({ "alg": "RS256" }),
            json!({ "alg": "RS256", "typ": "JWT" }),
            json!({ "alg": "RS256", "typ": "jwt" }),
        ] {
            assert!(!read(header).unwrap().says_access_token);
        }
    }

    #[test]
    fn other_types_are_refused() {
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", "", "at+jwt ", "application/jwt", "text/at+jwt"] {
            assert_eq!(read(json!({ "alg": "RS256", "typ": typ })), Err(Rejection::WrongType), "{typ}");
        }
        for typ in [json!(null), json!(["at+jwt"]), json!(1)] {
            assert_eq!(read(json!({ "alg": "RS256", "typ": typ })), Err(Rejection::MalformedHeader));
        }
    }

    #[test]
    fn extensions_are_refused_whatever_they_hold() {
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("crit", json!(null)),
            ("b64", json!(true)),
            ("zip", json!("DEF")),
            ("enc", json!("A128GCM")),
        ] {
            assert_eq!(read(json!({ "alg": "RS256", name: value })), Err(Rejection::UnsupportedExtension), "{name}");
        }
    }

    #[test]
    fn the_algorithm_is_an_asymmetric_one_that_we_know() {
        for alg in ["none", "HS256", "rs256", "RSA-OAEP", ""] {
            assert_eq!(read(json!({ "alg": alg })), Err(Rejection::AlgorithmNotAllowed), "{alg}");
        }
        for header in [json!({}), json!({ "alg": null }), json!({ "alg": ["RS256"] }), json!({ "alg": 256 })] {
            assert_eq!(read(header), Err(Rejection::MalformedHeader));
        }
    }

    #[test]
    fn a_key_id_is_a_text_of_bounded_length() {
        let longest = "k".repeat(MAX_KEY_ID_BYTES);
        assert_eq!(read(json!({ "alg": "ES256", "kid": longest })).unwrap().key_id, Some(longest.clone()));
        for kid in [json!(null), json!(1), json!(["a"]), json!(longest + "k")] {
            assert_eq!(read(json!({ "alg": "ES256", "kid": kid })), Err(Rejection::MalformedHeader));
        }
    }

    #[test]
    fn key_material_in_the_header_is_never_looked_at() {
        let header =
            json!({ "alg": "ES256", "jku": "https://evil.example/", "x5u": 1, "jwk": { "k": "a" }, "x5c": [null] });
        assert_eq!(read(header), read(json!({ "alg": "ES256" })));
    }
}
