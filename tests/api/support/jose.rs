//! Tokens taken apart and reassembled, for tokens that no issuer would sign.

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use portcullis::dev::SigningKey;

pub fn encode(octets: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// Header, payload and signature, as sent.
pub fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// The octets of a token's signature.
pub fn signature(token: &str) -> Vec<u8> {
    decode(segments(token)[2]).unwrap()
}

/// The token with the signature that `sign` makes of its first two segments.
pub fn signed_with(token: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let (signed_text, _) = token.rsplit_once('.').unwrap();
    format!("{signed_text}.{}", encode(sign(signed_text.as_bytes())))
}

/// The token with another signature.
pub fn with_signature(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let changed = change(signature(token));
    signed_with(token, |_| changed)
}

/// These segments with a signature of `key`, whatever they contain.
pub fn sign_segments(header: &str, payload: &str, key: &SigningKey) -> String {
    let signed_text = format!("{header}.{payload}");
    let signature = key.sign(signed_text.as_bytes());
    format!("{signed_text}.{}", encode(signature))
}

/// These octets as header and payload, with the signature of `key`.
pub fn sign_octets(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    sign_segments(&encode(header), &encode(payload), key)
}

/// The encoded message of RSASSA-PKCS1-v1_5 with SHA-256 for a modulus of 2,048 bits (RFC 8017 section 9.2): with e = 1, the signature.
pub fn padded_digest(message: &[u8]) -> Vec<u8> {
    const SHA256_INFO: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
        0x20,
    ];
    let digest = digest(&SHA256, message);
    [&[0, 1], [0xff; 202].as_slice(), &[0], &SHA256_INFO, digest.as_ref()].concat()
}

/// An ECDSA signature in ASN.1, as in X.509, from the fixed form of JOSE.
pub fn to_asn1(fixed: &[u8]) -> Vec<u8> {
    let integer = |octets: &[u8]| {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        let digits = &octets[zeros..];
        let sign = if digits[0] >= 0x80 { vec![0] } else { Vec::new() };
        [vec![2, (sign.len() + digits.len()) as u8], sign, digits.to_vec()].concat()
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let content = [integer(r), integer(s)].concat();
    [vec![0x30, content.len() as u8], content].concat()
}

/// A modulus of 2,048 bits with the exponent 65,537 as PEM, the public form that other libraries use.
pub fn public_key_pem(modulus: &[u8]) -> String {
    const BEFORE: [u8; 33] = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
        0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00,
    ];
    const AFTER: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];
    let text = base64::prelude::BASE64_STANDARD.encode([&BEFORE, modulus, &AFTER].concat());
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
