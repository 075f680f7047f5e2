//! The outer form of a token: a JWS in compact serialisation (RFC 7515 section 7.1). Nothing read here is proved.

use std::fmt;

use serde_json::{Map, Value};

use super::{Rejection, base64url, strict_json};

/// The longest token that is looked at.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The three segments of a token, as sent. Its `Debug` shows nothing of them.
#[derive(Clone, Copy)]
pub(super) struct UnverifiedToken<'a> {
    /// What the signature is over: the first two segments with their dot.
    pub(super) signed_text: &'a str,
    pub(super) header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").finish_non_exhaustive()
    }
}

impl<'a> UnverifiedToken<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLong);
        }
        let (signed_text, signature) = token.rsplit_once('.').ok_or(Rejection::NotASignedJwt)?;
        let (header, payload) = signed_text.split_once('.').ok_or(Rejection::NotASignedJwt)?;
        if payload.contains('.') {
            return Err(Rejection::NotASignedJwt);
        }
        Ok(Self { signed_text, header, payload, signature })
    }

    pub(super) fn read_header(&self) -> Result<Map<String, Value>, Rejection> {
        let text = base64url::decode(self.header).ok_or(Rejection::BadEncoding)?;
        strict_json::parse_object(&text).ok_or(Rejection::MalformedHeader)
    }

    pub(super) fn claims(&self) -> Result<Map<String, Value>, Rejection> {
        let text = base64url::decode(self.payload).ok_or(Rejection::BadEncoding)?;
        strict_json::parse_object(&text).ok_or(Rejection::MalformedClaims)
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, Rejection> {
        base64url::decode(self.signature).ok_or(Rejection::BadEncoding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_segments_and_no_other_number() {
        let token = UnverifiedToken::split("aa.bb.cc").unwrap();
        assert_eq!((token.signed_text, token.header, token.payload, token.signature), ("aa.bb", "aa", "bb", "cc"));
        for text in ["", "opaque", "a.b", "a.b.c.d", "a.b.c.d.e", "...."] {
            assert_eq!(UnverifiedToken::split(text).unwrap_err(), Rejection::NotASignedJwt, "{text}");
        }
    }

    #[test]
    fn length_is_judged_first() {
        assert_eq!(UnverifiedToken::split(&"a".repeat(MAX_TOKEN_BYTES)).unwrap_err(), Rejection::NotASignedJwt);
        assert_eq!(UnverifiedToken::split(&".".repeat(MAX_TOKEN_BYTES + 1)).unwrap_err(), Rejection::TooLong);
    }

    #[test]
    fn each_segment_is_decoded_strictly() {
        let token = UnverifiedToken::split("e30=.e3 0.YQ==").unwrap();
        assert_eq!(token.read_header().unwrap_err(), Rejection::BadEncoding);
        assert_eq!(token.claims().unwrap_err(), Rejection::BadEncoding);
        assert_eq!(token.signature().unwrap_err(), Rejection::BadEncoding);
        let token = UnverifiedToken::split("e30.W10.").unwrap();
        assert!(token.read_header().unwrap().is_empty());
        assert_eq!(token.claims().unwrap_err(), Rejection::MalformedClaims);
    }
}
