//! base64url as JOSE has it: no padding, no foreign characters, unused bits zero, so that one value has one spelling
//! (RFC 7515 section 2, RFC 4648 section 3.5).

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const STRICT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// The octets that `text` stands for; `None` if it is not spelled exactly as an encoder would.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// The one spelling of `octets`.
pub(super) fn encode(octets: impl AsRef<[u8]>) -> String {
    STRICT.encode(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_strict_spelling_decodes() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        for text in ["-_8=", "+/8", "-_9", "-_8 ", " -_8", "-_\n8", "-", "-_8-_", "é", "AA==", "=", "\0"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_decodes_is_spelled_the_only_way(text in "[A-Za-z0-9_=+/ -]{0,12}") {
            if let Some(octets) = decode(&text) {
                prop_assert_eq!(encode(octets), text);
            }
        }
    }
}
