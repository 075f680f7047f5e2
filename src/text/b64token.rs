//! The syntax of bearer tokens.

/// Whether `bytes` are a `b64token` (RFC 6750 section 2.1, `token68` in RFC 9110).
pub(crate) fn is_b64token(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let (token, _) = bytes.split_at(bytes.len() - padding);
    !token.is_empty() && token.iter().all(|octet| is_token_octet(*octet))
}

fn is_token_octet(octet: u8) -> bool {
    matches!(octet, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_octets_are_letters_digits_and_six_marks() {
        for octet in 0..=u8::MAX {
            let expected = octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
            assert_eq!(is_token_octet(octet), expected, "{octet}");
        }
    }
}
