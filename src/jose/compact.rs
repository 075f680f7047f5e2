//! The outer form of a token: a JWS in compact serialization (RFC 7515 section 7.1). Nothing read here is verified.

use std::fmt;

use memchr::memchr_iter;

use super::base64url;
use super::fault::FormFault;
use super::unique_json::{self, Object};
use crate::redacted::redact_debug;

/// The longest accepted token.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The three segments of a token, as sent. Its `Debug` does not print them.
#[derive(Clone, Copy)]
pub(crate) struct UnverifiedToken<'a> {
    /// The signing input: the first two segments with their dot.
    pub(crate) signed_text: &'a str,
    pub(crate) header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").finish_non_exhaustive()
    }
}

impl<'a> UnverifiedToken<'a> {
    pub(crate) fn split(token: &'a str) -> Result<Self, FormFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(FormFault::TooLong);
        }
        let mut dots = memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(last), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(FormFault::NotASignedJwt);
        };
        let segment = |from, to| token.get(from..to).unwrap_or_default();
        Ok(Self {
            signed_text: segment(0, last),
            header: segment(0, first),
            payload: segment(first + 1, last),
            signature: segment(last + 1, token.len()),
        })
    }

    /// Decodes the header and passes its members to `read`.
    pub(crate) fn read_header<T>(&self, read: impl FnOnce(Object<'_>) -> Result<T, FormFault>) -> Result<T, FormFault> {
        let text = base64url::decode(self.header).ok_or(FormFault::BadEncoding)?;
        read(unique_json::parse_object(&text).ok_or(FormFault::MalformedHeader)?)
    }

    /// Decodes the payload.
    pub(crate) fn payload(&self) -> Result<UnverifiedPayload, FormFault> {
        base64url::decode(self.payload).map(UnverifiedPayload).ok_or(FormFault::BadEncoding)
    }

    pub(crate) fn signature(&self) -> Result<Vec<u8>, FormFault> {
        base64url::decode(self.signature).ok_or(FormFault::BadEncoding)
    }
}

/// The payload of a token, decoded.
pub(crate) struct UnverifiedPayload(Vec<u8>);

redact_debug!(UnverifiedPayload);

impl UnverifiedPayload {
    pub(crate) fn claims(&self) -> Result<Object<'_>, FormFault> {
        unique_json::parse_object(&self.0).ok_or(FormFault::MalformedClaims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_has_exactly_three_segments() {
        let token = UnverifiedToken::split("aa.bb.cc").unwrap();
        assert_eq!((token.signed_text, token.header, token.payload, token.signature), ("aa.bb", "aa", "bb", "cc"));
        for text in ["", "opaque", "a.b", "a.b.c.d", "a.b.c.d.e", "...."] {
            assert_eq!(UnverifiedToken::split(text).unwrap_err(), FormFault::NotASignedJwt, "{text}");
        }
    }

    #[test]
    fn length_is_checked_first() {
        assert_eq!(UnverifiedToken::split(&"a".repeat(MAX_TOKEN_BYTES)).unwrap_err(), FormFault::NotASignedJwt);
        assert_eq!(UnverifiedToken::split(&".".repeat(MAX_TOKEN_BYTES + 1)).unwrap_err(), FormFault::TooLong);
    }

    #[test]
    fn segments_are_decoded_strictly() {
        let token = UnverifiedToken::split("e30=.e3 0.YQ==").unwrap();
        assert_eq!(token.read_header(|_| Ok(())), Err(FormFault::BadEncoding));
        assert_eq!(token.payload().unwrap_err(), FormFault::BadEncoding);
        assert_eq!(token.signature().unwrap_err(), FormFault::BadEncoding);
        let token = UnverifiedToken::split("e30.W10.").unwrap();
        assert_eq!(token.read_header(|members| Ok(members == Object::default())), Ok(true));
        assert_eq!(token.payload().unwrap().claims().unwrap_err(), FormFault::MalformedClaims);
    }
}
