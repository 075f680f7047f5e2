//! The form of an opaque token, which is checked before its issuer is asked about it: made-up texts cost no question.

use super::Rejection;

/// Fewer characters than this hold fewer than 96 random bits: no issuer gives out what could be guessed (RFC 6749 section 10.10).
const MIN_CHARS: usize = 16;
/// What proxies commonly let through as one header field.
const MAX_CHARS: usize = 8 * 1024;

/// Refuses what cannot be an opaque token of an issuer whose tokens start with `prefix`.
pub(super) fn check(token: &str, prefix: &str) -> Result<(), Rejection> {
    let is_one = (MIN_CHARS..=MAX_CHARS).contains(&token.len()) && token.starts_with(prefix) && is_b64token(token);
    if is_one { Ok(()) } else { Err(Rejection::NotASignedJwt) }
}

/// Whether it is a `b64token` (RFC 6750 section 2.1). Tokens that a provider hands over at a sign-in come here without having been read
/// from a header.
fn is_b64token(token: &str) -> bool {
    let text = token.trim_end_matches('=');
    let is_token_octet = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    !text.is_empty() && text.bytes().all(is_token_octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_token_has_a_length_an_alphabet_and_the_prefix_of_its_issuer() {
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
