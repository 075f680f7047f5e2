//! The signature: of these octets, with this key, in its only valid form.

use portcullis::dev::{Algorithm, SigningKey};

use super::jose::{encode, segments, sign_segments, signature, signed_with, to_asn1, with_signature};
use super::{Case, Workshop};

const BAD: &str = "signature is not valid";

pub fn cases(workshop: &Workshop<'_>) -> Vec<Case> {
    let mut cases = lengths_and_bits(workshop);
    cases.extend(other_octets(workshop));
    cases.extend(ecdsa(workshop));
    cases.extend(rsa(workshop));
    cases.extend(ed25519(workshop));
    cases
}

fn lengths_and_bits(workshop: &Workshop<'_>) -> Vec<Case> {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let changes: [(&str, Change); 8] = [
        ("one octet short", |octets| octets[..octets.len() - 1].to_vec()),
        ("one octet long", |octets| [octets, vec![0]].concat()),
        ("with a zero before it", |octets| [vec![0], octets].concat()),
        ("twice", |octets| [octets.clone(), octets].concat()),
        ("with its first bit flipped", |mut octets| {
            octets[0] ^= 0x80;
            octets
        }),
        ("with its last bit flipped", |mut octets| {
            if let Some(last) = octets.last_mut() {
                *last ^= 1;
            }
            octets
        }),
        ("of zeros", |octets| vec![0; octets.len()]),
        ("of ones", |octets| vec![0xff; octets.len()]),
    ];
    let rule = "a signature has its exact length and verifies (RFC 8017 section 8.2.2, RFC 7518 section 3.4, RFC 8032 section 5.1.7)";
    let mut cases = Vec::new();
    for algorithm in Algorithm::ALL {
        let token = workshop.token().algorithm(algorithm).sign();
        for (name, change) in changes {
            cases.push(Case::token(
                format!("{rule}: {} {name}", algorithm.name()),
                with_signature(&token, change),
                BAD,
            ));
        }
    }
    cases
}

fn other_octets(workshop: &Workshop<'_>) -> Vec<Case> {
    let (good, other) = (workshop.es256().sign(), workshop.es256().subject("alice").sign());
    let [header, payload, own] = segments(&good);
    let [_, other_payload, other_signature] = segments(&other);
    let untyped = workshop.es256().without_header("typ").sign();
    let [other_header, ..] = segments(&untyped);
    let signed = "the signature is over header and payload as sent (RFC 7515 section 5.2)";
    let named = "the key is the one that the header names (RFC 8725 section 3.10)";
    let same_kind = SigningKey::generate(Algorithm::EdDsa);
    vec![
        Case::token(signed, format!("{header}.{other_payload}.{own}"), BAD),
        Case::token(signed, format!("{header}.{payload}.{other_signature}"), BAD),
        Case::token(signed, format!("{other_header}.{payload}.{own}"), BAD),
        Case::token(signed, signed_with(&good, |_| workshop.es256.sign(payload.as_bytes())), BAD),
        Case::token(signed, signed_with(&good, |text| workshop.es256.sign(&[text, b"."].concat())), BAD),
        Case::token(named, workshop.token().signed_by(&workshop.foreign).kid("es256").sign(), BAD),
        Case::token(named, workshop.token().signed_by(&same_kind).kid("eddsa").sign(), BAD),
        Case::token(named, workshop.token().kid("rs256").sign(), BAD),
        Case::token(named, sign_segments(header, payload, &workshop.foreign), BAD),
    ]
}

fn ecdsa(workshop: &Workshop<'_>) -> Vec<Case> {
    let good = workshop.es256().sign();
    let fixed = "an ECDSA signature is r and s of full length, not ASN.1 (RFC 7518 section 3.4)";
    let in_range = "r and s are from 1 to the order of the curve (CVE-2022-21449)";
    let octets = signature(&good);
    let (r, s) = octets.split_at(32);
    let (zero, order) = ([0; 32], P256_ORDER);
    let pair = |r: &[u8], s: &[u8]| with_signature(&good, |_| [r, s].concat());
    vec![
        Case::token(fixed, with_signature(&good, |octets| to_asn1(&octets)), BAD),
        Case::token(fixed, with_signature(&good, |octets| encode(octets).into_bytes()), BAD),
        Case::token(in_range, pair(&zero, &zero), BAD),
        Case::token(in_range, pair(&zero, s), BAD),
        Case::token(in_range, pair(r, &zero), BAD),
        Case::token(in_range, pair(&order, &order), BAD),
        Case::token(in_range, pair(r, &order), BAD),
        Case::token(in_range, pair(&order, s), BAD),
        Case::token("r and s are not interchangeable (RFC 7518 section 3.4)", pair(s, r), BAD),
    ]
}

/// The order of the group of P-256 (SEC 2 section 2.4.2).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn rsa(workshop: &Workshop<'_>) -> Vec<Case> {
    let good = workshop.rs256().sign();
    let modulus = super::keys::modulus(&workshop.rs256);
    let below = "an RSA signature is a number below the modulus (RFC 8017 section 5.2.2)";
    vec![
        Case::token(below, with_signature(&good, |_| modulus.clone()), BAD),
        Case::token(below, with_signature(&good, |octets| plus(&octets, &modulus)), BAD),
        Case::token(
            "the padding alone is not a signature (RFC 8017 section 8.2.2)",
            signed_with(&good, super::jose::padded_digest),
            BAD,
        ),
    ]
}

fn ed25519(workshop: &Workshop<'_>) -> Vec<Case> {
    let good = workshop.eddsa().sign();
    let token = with_signature(&good, |octets| {
        let (r, s) = octets.split_at(32);
        let little_endian: Vec<u8> = s.iter().rev().copied().collect();
        let mut shifted = plus(&little_endian, &ED25519_ORDER);
        shifted.reverse();
        [r, &shifted].concat()
    });
    vec![Case::token(
        "S is below the order of the group, so that a signature has a single form (RFC 8032 section 5.1.7)",
        token,
        BAD,
    )]
}

/// The order of the group of Ed25519 (RFC 8032 section 5.1), big-endian.
const ED25519_ORDER: [u8; 32] = [
    0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12,
    0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed,
];

/// The sum of two big-endian numbers of equal length, with one more octet on overflow.
fn plus(a: &[u8], b: &[u8]) -> Vec<u8> {
    assert_eq!(a.len(), b.len());
    let mut carry = 0;
    let mut sum: Vec<u8> = Vec::with_capacity(a.len() + 1);
    for (a, b) in a.iter().zip(b).rev() {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        sum.push(digit.to_le_bytes()[0]);
        carry = digit >> 8;
    }
    if carry > 0 {
        sum.push(1);
    }
    sum.reverse();
    sum
}
