//! The syntax of an opaque token. It is checked before introspection, so that made-up tokens cost no request to the issuer.

use crate::oidc::Rejection;
use crate::text::b64token::is_b64token;

/// A shorter token has fewer than 96 random bits, and issuers must not issue guessable tokens (RFC 6749 section 10.10).
const MIN_CHARS: usize = 16;
/// The common limit of proxies for one header field.
const MAX_CHARS: usize = 8 * 1024;

/// Checks that `token` can be an opaque token of an issuer whose tokens start with `prefix`. An access token from a sign-in has not passed
/// the header parser, so its alphabet is checked here too.
pub(crate) fn check(token: &str, prefix: &str) -> Result<(), Rejection> {
    let is_valid =
        (MIN_CHARS..=MAX_CHARS).contains(&token.len()) && token.starts_with(prefix) && is_b64token(token.as_bytes());
    if is_valid { Ok(()) } else { Err(Rejection::NotASignedJwt) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_with_a_wrong_length_alphabet_or_prefix_is_rejected() {
        for (token, prefix) in [
            ("0123456789abcdef", ""),
            ("ory_at_0123456789", "ory_at_"),
            ("aA0-._~+/012345==", ""),
            ("a.b.c.d.e-0123456", ""),
            (&*"a".repeat(MAX_CHARS), ""),
        ] {
            assert_eq!(check(token, prefix), Ok(()), "{token}");
        }
        for (token, prefix) in [
            ("", ""),
            ("0123456789abcde", ""),
            ("================", ""),
            ("0123456789=abcdef", ""),
            ("0123456789 abcdef", ""),
            ("0123456789äbcdefg", ""),
            ("ory_rt_0123456789", "ory_at_"),
            (&*"a".repeat(MAX_CHARS + 1), ""),
        ] {
            assert_eq!(check(token, prefix), Err(Rejection::NotASignedJwt), "{token}");
        }
    }
}
