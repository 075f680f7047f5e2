//! Extraction of the bearer token from the `Authorization` header field.
//!
//! A token in the query or the body is never read (RFC 9700 section 4.3.2).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use crate::error::Error;
use crate::text::b64token::is_b64token;

/// The name of the scheme. The comparison is case-insensitive (RFC 9110 section 11.1).
const SCHEME: &[u8] = b"Bearer";

/// The request has a malformed bearer credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MalformedCredential {
    /// More than one field, which is ambiguous (RFC 6750 section 3.1).
    SeveralFields,
    /// The scheme is Bearer, but the rest is not exactly one token (RFC 6750 section 2.1).
    NotAToken,
}

impl From<MalformedCredential> for Error {
    fn from(malformed: MalformedCredential) -> Self {
        Self::MalformedCredential(match malformed {
            MalformedCredential::SeveralFields => "The request must have one `Authorization` field, but has several.",
            MalformedCredential::NotAToken => "The `Authorization` field must be `Bearer`, a space and one token.",
        })
    }
}

/// The unverified credential of a request.
#[derive(Clone, Copy)]
pub(super) struct Credential<'a>(&'a [u8]);

impl<'a> Credential<'a> {
    /// Returns the credential as sent. It serves only for comparison with credentials that were verified before.
    pub(super) fn as_presented(self) -> &'a [u8] {
        self.0
    }

    /// Returns the token. Fails if the credential is not a `b64token`.
    pub(super) fn token(self) -> Result<&'a str, MalformedCredential> {
        let well_formed = Some(self.0).filter(|presented| is_b64token(presented));
        well_formed.and_then(|token| str::from_utf8(token).ok()).ok_or(MalformedCredential::NotAToken)
    }
}

/// Returns the bearer credential of the request, or `None` if it has none. Fails if there is more than one field.
///
/// Another scheme (`Basic`) counts as none: the challenge then names the scheme without an error code (RFC 6750 section 3.1).
pub(super) fn credential(headers: &HeaderMap) -> Result<Option<Credential<'_>>, MalformedCredential> {
    let mut fields = headers.get_all(AUTHORIZATION);
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(MalformedCredential::SeveralFields);
    }
    let field = field.as_bytes();
    let (scheme, rest) = field.split_at(field.iter().position(|byte| *byte == b' ').unwrap_or(field.len()));
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Ok(None);
    }
    // Only spaces: a tab does not separate scheme and token (RFC 9110 section 11.4).
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let (_, presented) = rest.split_at(spaces);
    Ok(Some(Credential(presented)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn fields(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn token(headers: &HeaderMap) -> Result<Option<&str>, MalformedCredential> {
        credential(headers)?.map(Credential::token).transpose()
    }

    #[test]
    fn token_is_found_for_any_case_of_the_scheme_and_any_number_of_spaces() {
        for value in ["Bearer a.b-c_~+/d==", "bearer a.b-c_~+/d==", "BEARER   a.b-c_~+/d=="] {
            assert_eq!(token(&fields(&[value.as_bytes()])), Ok(Some("a.b-c_~+/d==")), "{value}");
        }
    }

    #[test]
    fn absent_field_and_other_schemes_yield_no_credential() {
        assert_eq!(token(&fields(&[])), Ok(None));
        for other in ["Basic YTpi", "", "Bearerx a", "DPoP a.b.c"] {
            assert_eq!(token(&fields(&[other.as_bytes()])), Ok(None), "{other}");
        }
    }

    #[test]
    fn two_fields_are_rejected_even_if_they_are_equal() {
        let twice = fields(&[b"Bearer a", b"Bearer a"]);
        assert_eq!(token(&twice), Err(MalformedCredential::SeveralFields));
        assert_eq!(token(&fields(&[b"Basic a", b"Bearer a"])), Err(MalformedCredential::SeveralFields));
    }

    #[test]
    fn credential_other_than_one_token_is_rejected() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer \"a\"",
            "Bearer a=b",
            "Bearer =",
            "Bearer a\tb",
            "Bearer \ta",
        ] {
            assert_eq!(token(&fields(&[value.as_bytes()])), Err(MalformedCredential::NotAToken), "{value}");
        }
        assert_eq!(token(&fields(&[b"Bearer \xff"])), Err(MalformedCredential::NotAToken));
    }
}
