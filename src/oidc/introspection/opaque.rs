//! The syntax of an opaque token. It is checked before introspection, so that made-up tokens cost no request to the issuer.

use crate::oidc::Rejection;

/// A shorter token has fewer than 96 random bits, and issuers must not issue guessable tokens (RFC 6749 section 10.10).
const MIN_CHARS: usize = 16;
/// The common limit of proxies for one header field.
const MAX_CHARS: usize = 8 * 1024;

/// Checks that `token` can be an opaque token of an issuer whose tokens start with `prefix`.
pub(crate) fn check(token: &str, prefix: &str) -> Result<(), Rejection> {
    let is_valid = (MIN_CHARS..=MAX_CHARS).contains(&token.len()) && token.starts_with(prefix) && is_b64token(token);
    if is_valid { Ok(()) } else { Err(Rejection::NotASignedJwt) }
}

/// Returns whether the text is a `b64token` (RFC 6750 section 2.1). An access token from a sign-in does not pass the header parser, so it
/// is checked here.
fn is_b64token(token: &str) -> bool {
    let text = token.trim_end_matches('=');
    let is_token_octet = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    !text.is_empty() && text.bytes().all(is_token_octet)
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
