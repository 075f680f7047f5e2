//! The form of a token: three segments of strict base64url; header and payload are strict JSON objects.

use super::jose::{self, encode, segments, sign_octets, sign_segments};
use super::{Case, Workshop};

const NOT_A_JWT: &str = "not a signed JWT";
const ENCODING: &str = "contains invalid base64url";
const HEADER: &str = "header is malformed";
const CLAIMS: &str = "claims are malformed";

/// Header and payload of a valid token, as text.
fn texts(workshop: &Workshop<'_>) -> (String, String) {
    let token = workshop.es256().sign();
    let [header, payload, _] = segments(&token).map(|segment| jose::decode(segment).unwrap_or_default());
    (String::from_utf8(header).unwrap(), String::from_utf8(payload).unwrap())
}

/// The control for the tokens assembled here: the unchanged texts are accepted.
pub fn acceptable(workshop: &Workshop<'_>) -> Vec<String> {
    let (header, payload) = texts(workshop);
    let spaced = format!(" {header}\n");
    let nested = payload.replacen('{', r#"{"x":[[[{"a":{"a":1}}]]],"#, 1);
    [(&header, &payload), (&spaced, &payload), (&header, &nested)]
        .map(|(header, payload)| sign_octets(header.as_bytes(), payload.as_bytes(), &workshop.es256))
        .into()
}

pub fn cases(workshop: &Workshop<'_>) -> Vec<Case> {
    let mut cases = segment_count(workshop);
    cases.extend(encodings(workshop));
    cases.extend(header_texts(workshop));
    cases.extend(payload_texts(workshop));
    cases
}

fn segment_count(workshop: &Workshop<'_>) -> Vec<Case> {
    let good = workshop.es256().sign();
    let [header, payload, signature] = segments(&good);
    let three = "a compact JWS has exactly three segments (RFC 7515 section 7.1)";
    let empty = "no segment of a signed token is empty (RFC 7515 section 5.2)";
    let json = r#"{"payload":"marked","signatures":[{"protected":"marked","signature":"marked"}]}"#;
    vec![
        Case::token(three, "opaque-access-token", NOT_A_JWT),
        Case::token(three, format!("{header}.{payload}"), NOT_A_JWT),
        Case::token(three, format!("{good}."), NOT_A_JWT),
        Case::token(three, format!(".{good}"), NOT_A_JWT),
        Case::token(three, format!("{good}.{signature}"), NOT_A_JWT),
        Case::token(
            "a JWE has five segments and is not read (RFC 7516 section 7.1)",
            format!("{good}.AAAA.AAAA"),
            NOT_A_JWT,
        ),
        Case::token("a token of dots is refused cheaply (CVE-2025-30204)", ".".repeat(16_000), NOT_A_JWT),
        Case::token("the JSON serialization is not a bearer token (RFC 7515 section 7.2)", encode(json), NOT_A_JWT),
        Case::token(empty, "..", HEADER),
        Case::token(empty, format!(".{payload}.{signature}"), HEADER),
        Case::token(empty, format!("{header}..{signature}"), CLAIMS),
        Case::token(
            "a signature is present (RFC 7515 section 5.2)",
            format!("{header}.{payload}."),
            "signature is not valid",
        ),
    ]
}

/// Each text is signed as it is, so that only its encoding is wrong.
fn encodings(workshop: &Workshop<'_>) -> Vec<Case> {
    let (header, payload) = texts(workshop);
    let key = &workshop.es256;
    let padded_to = |text: &str, remainder: usize| {
        let spaces = (3 + remainder - text.len() % 3) % 3;
        encode(format!("{text}{}", " ".repeat(spaces)))
    };
    let (header_2, payload_2) = (padded_to(&header, 2), padded_to(&payload, 2));
    let (header_1, payload_1) = (padded_to(&header, 1), padded_to(&payload, 1));
    let no_padding = "base64url has no padding (RFC 7515 section 2)";
    let unused_bits = "unused bits are zero (RFC 4648 section 3.5)";
    let alphabet = "the alphabet is that of base64url (RFC 4648 section 5)";
    let good = workshop.es256().sign();
    let [header_0, payload_0, signature] = segments(&good);
    vec![
        Case::token(no_padding, sign_segments(header_0, payload_0, key) + "==", ENCODING),
        Case::token(unused_bits, sign_segments(&next_last(&header_2), payload_0, key), ENCODING),
        Case::token(unused_bits, sign_segments(&next_last(&header_1), payload_0, key), ENCODING),
        Case::token(unused_bits, sign_segments(header_0, &next_last(&payload_2), key), ENCODING),
        Case::token(unused_bits, sign_segments(header_0, &next_last(&payload_1), key), ENCODING),
        Case::token(unused_bits, format!("{header_0}.{payload_0}.{}", next_last(signature)), ENCODING),
        Case::token(alphabet, sign_segments(&format!("{header_0}+"), payload_0, key), ENCODING),
        Case::token(alphabet, sign_segments(header_0, &format!("{payload_0}/"), key), ENCODING),
        Case::token(alphabet, format!("{header_0}.{payload_0}.{}", standard_alphabet(workshop)), ENCODING),
        Case::token(alphabet, sign_segments(&format!("~{header_0}"), payload_0, key), ENCODING),
        Case::token(
            "a segment of 4n + 1 characters encodes nothing (RFC 4648 section 4)",
            sign_segments(&(padded_to(&header, 0) + "A"), payload_0, key),
            ENCODING,
        ),
    ]
}

/// The text with the lowest bit of the last character set, which a lenient decoder ignores.
fn next_last(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = text.split_at(text.len() - 1);
    let index = ALPHABET.iter().position(|character| [*character] == *last.as_bytes()).unwrap();
    format!("{head}{}", char::from(ALPHABET[index | 1]))
}

/// A signature with a `-` or a `_`, in the standard alphabet: with `+` and `/` instead.
fn standard_alphabet(workshop: &Workshop<'_>) -> String {
    let token = std::iter::repeat_with(|| workshop.es256().sign());
    let signatures = token.map(|token| segments(&token)[2].to_owned());
    let convertible = signatures.into_iter().find(|signature| signature.contains(['-', '_'])).unwrap();
    convertible.replace('-', "+").replace('_', "/")
}

fn header_texts(workshop: &Workshop<'_>) -> Vec<Case> {
    let (header, payload) = texts(workshop);
    let with =
        |rule: &str, text: &[u8]| Case::token(rule, sign_octets(text, payload.as_bytes(), &workshop.es256), HEADER);
    let object = "the header is one JSON object (RFC 7515 section 4)";
    let once = "no member comes twice (RFC 7515 section 4)";
    let first = |member: &str| header.replacen('{', &format!("{{{member},"), 1);
    let utf8 = "the header is UTF-8 without a byte order mark (RFC 7515 section 5.2, RFC 8259 section 8.1)";
    vec![
        with(object, b"[]"),
        with(object, b"null"),
        with(object, b"\"marked\""),
        with(object, b"{"),
        with(object, b"not JSON at all"),
        with(object, format!("[{header}]").as_bytes()),
        with(object, format!("{header}{header}").as_bytes()),
        with(object, format!("{header}\0").as_bytes()),
        with(object, header.replacen('{', "{,", 1).as_bytes()),
        with(object, header.replace('"', "'").as_bytes()),
        with(object, format!("/**/{header}").as_bytes()),
        with(once, first(r#""alg":"none""#).as_bytes()),
        with(once, first(r#""kid":"marked-kid""#).as_bytes()),
        with(once, first(r#""typ":"at+jwt""#).as_bytes()),
        with("an escaped name is the same name (RFC 8259 section 8.3)", first(r#""\u0061lg":"none""#).as_bytes()),
        with("no member comes twice at any depth (RFC 8725 section 3.7)", first(r#""x":[{"a":1,"a":1}]"#).as_bytes()),
        with(
            "nesting is bounded (OWASP ASVS 15.3.2)",
            first(&format!(r#""x":{}{}"#, "[".repeat(17), "]".repeat(17))).as_bytes(),
        ),
        with("nesting is bounded (OWASP ASVS 15.3.2)", "[".repeat(8_000).as_bytes()),
        with(utf8, [b"\xef\xbb\xbf", header.as_bytes()].concat().as_slice()),
        with(utf8, first("\"x\":\"\u{1}\"").as_bytes()),
        with(utf8, [b"{\"x\":\"\xff\",", &header.as_bytes()[1..]].concat().as_slice()),
        with(utf8, &header.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        with("a lone surrogate is not valid text (RFC 8259 section 8.2)", first(r#""x":"\ud800""#).as_bytes()),
    ]
}

fn payload_texts(workshop: &Workshop<'_>) -> Vec<Case> {
    let (header, payload) = texts(workshop);
    let with =
        |rule: &str, text: &[u8]| Case::token(rule, sign_octets(header.as_bytes(), text, &workshop.es256), CLAIMS);
    let object = "the claims are one JSON object (RFC 7519 section 7.2)";
    let once = "no claim comes twice (RFC 7519 section 4)";
    let first = |member: &str| payload.replacen('{', &format!("{{{member},"), 1);
    vec![
        with(object, b""),
        with(object, b"[]"),
        with(object, b"true"),
        with(object, format!("[{payload}]").as_bytes()),
        with(object, format!("{payload} {payload}").as_bytes()),
        with(object, &payload.as_bytes()[..payload.len() - 1]),
        with(object, workshop.es256().sign().as_bytes()),
        with(once, first(r#""sub":"alice""#).as_bytes()),
        with(once, first(r#""exp":9999999999"#).as_bytes()),
        with(once, first(r#""aud":"https://api.example.test""#).as_bytes()),
        with("an escaped name is the same name (RFC 8259 section 8.3)", first(r#""\u0073ub":"alice""#).as_bytes()),
        with(
            "no member comes twice at any depth (RFC 8725 section 3.7)",
            first(r#""x":{"y":{"a":1,"a":2}}"#).as_bytes(),
        ),
        with(
            "nesting is bounded (OWASP ASVS 15.3.2)",
            first(&format!(r#""x":{}{}"#, "[".repeat(17), "]".repeat(17))).as_bytes(),
        ),
        with(
            "claims are UTF-8 without a byte order mark (RFC 7519 section 7.2)",
            [b"\xef\xbb\xbf", payload.as_bytes()].concat().as_slice(),
        ),
        with(
            "claims are UTF-8 (RFC 7519 section 7.2)",
            [b"{\"x\":\"\xc0\xaf\",", &payload.as_bytes()[1..]].concat().as_slice(),
        ),
        with("NaN is not a number (RFC 8259 section 6)", first(r#""x":NaN"#).as_bytes()),
        with("infinity is not a number (RFC 8259 section 6)", first(r#""x":1e999"#).as_bytes()),
    ]
}
