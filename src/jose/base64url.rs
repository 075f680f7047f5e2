//! base64url as JOSE requires it: no padding, no foreign characters, unused bits zero, so that each value has exactly one encoding
//! (RFC 7515 section 2, RFC 4648 section 3.5).

use std::sync::LazyLock;

use base64::Engine as _;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::alphabet::URL_SAFE;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::GeneralPurpose;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

const STRICT_CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone)
    .with_decode_allow_trailing_bits(false);

/// Uses vector instructions where the processor has them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static STRICT: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(STRICT_CONFIG));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static STRICT: LazyLock<GeneralPurpose> = LazyLock::new(|| GeneralPurpose::new(&URL_SAFE, STRICT_CONFIG));

/// Decodes `text`; `None` unless it is the canonical encoding.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STRICT.decode(text).ok()
}

/// The canonical encoding of `octets`.
pub(crate) fn encode(octets: impl AsRef<[u8]>) -> String {
    STRICT.encode(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_canonical_encoding_decodes() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        for text in ["-_8=", "+/8", "-_9", "-_8 ", " -_8", "-_\n8", "-", "-_8-_", "é", "AA==", "=", "\0"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        /// The text is long enough for the vector code path.
        #[test]
        fn text_with_a_foreign_octet_anywhere_is_rejected(
            octets in proptest::collection::vec(any::<u8>(), 90..200),
            place in any::<prop::sample::Index>(),
            foreign in "[^A-Za-z0-9_-]",
        ) {
            let text = encode(&octets);
            prop_assert_eq!(decode(&text), Some(octets));
            let at = place.index(text.len());
            prop_assert_eq!(decode(&[&text[..at], &foreign, &text[at + 1..]].concat()), None);
        }

        #[test]
        fn decoded_text_encodes_to_itself(text in "[A-Za-z0-9_=+/ -]{0,12}|[A-Za-z0-9_-]{30,200}") {
            if let Some(octets) = decode(&text) {
                prop_assert_eq!(encode(octets), text);
            }
        }
    }
}
