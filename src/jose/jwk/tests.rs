use serde_json::{Value, json};

use super::*;
use crate::jose::base64url;
use crate::oidc::testing::SigningKey;

const ALL: [Algorithm; 10] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
];

fn jwk(algorithm: Algorithm) -> Value {
    SigningKey::generate(algorithm, "k").public_jwk()
}

fn admit_value(value: Value) -> Result<Vec<Algorithm>, Inadmissible> {
    let keys = admit(&KeyEntry { value: (&value).into(), has_duplicates: false }, &ALL)?;
    Ok(keys.iter().map(|key| key.algorithm).collect())
}

/// Admits a valid key of `algorithm` with `member` replaced by `value`.
fn admit_with(algorithm: Algorithm, member: &str, value: Value) -> Result<Vec<Algorithm>, Inadmissible> {
    let mut key = jwk(algorithm);
    key[member] = value;
    admit_value(key)
}

fn admit_without(algorithm: Algorithm, member: &str) -> Result<Vec<Algorithm>, Inadmissible> {
    let mut key = jwk(algorithm);
    key.as_object_mut().unwrap().remove(member);
    admit_value(key)
}

#[test]
fn key_of_every_algorithm_is_admitted_and_verifies() {
    for algorithm in ALL {
        let key = SigningKey::generate(algorithm, "k");
        let jwk = key.public_jwk();
        let entry = KeyEntry { value: (&jwk).into(), has_duplicates: false };
        let admitted = admit(&entry, &ALL).unwrap();
        assert_eq!(admitted.len(), 1, "{algorithm}");
        assert_eq!(admitted[0].algorithm, algorithm);
        assert!(admitted[0].verifies("text", &key.signature(b"text")), "{algorithm}");
        assert!(!admitted[0].verifies("test", &key.signature(b"text")), "{algorithm}");
    }
}

#[test]
fn key_without_alg_is_admitted_for_all_algorithms_of_its_type() {
    assert_eq!(admit_without(Algorithm::Rs256, "alg"), Ok(ALL[..6].to_vec()));
    assert_eq!(admit_without(Algorithm::Es384, "alg"), Ok(vec![Algorithm::Es384]));
    assert_eq!(admit_without(Algorithm::EdDsa, "alg"), Ok(vec![Algorithm::EdDsa]));
    assert_eq!(admit_with(Algorithm::EdDsa, "alg", json!("Ed25519")), Ok(vec![Algorithm::EdDsa]));
}

#[test]
fn key_is_not_admitted_for_algorithms_that_are_not_allowed() {
    let jwk = jwk(Algorithm::Rs256);
    let entry = KeyEntry { value: (&jwk).into(), has_duplicates: false };
    assert_eq!(admit(&entry, &[Algorithm::Ps256, Algorithm::Es256]).unwrap_err(), Inadmissible::AlgorithmNotAllowed);
}

#[test]
fn alg_that_does_not_match_the_key_type_is_rejected() {
    for (algorithm, named) in
        [(Algorithm::Rs256, json!("ES256")), (Algorithm::Es256, json!("ES384")), (Algorithm::EdDsa, json!("RS256"))]
    {
        assert_eq!(admit_with(algorithm, "alg", named), Err(Inadmissible::AlgorithmNotAllowed));
    }
    for named in [json!("RSA-OAEP"), json!("HS256"), json!("none"), json!(null), json!(["RS256"])] {
        assert_eq!(admit_with(Algorithm::Rs256, "alg", named), Err(Inadmissible::AlgorithmNotAllowed));
    }
}

#[test]
fn private_and_symmetric_keys_are_rejected_first() {
    for member in PRIVATE_MEMBERS {
        assert_eq!(admit_with(Algorithm::Rs256, member, json!("AQAB")), Err(Inadmissible::PrivateMember), "{member}");
        assert_eq!(admit_with(Algorithm::EdDsa, member, json!(null)), Err(Inadmissible::PrivateMember), "{member}");
    }
    assert_eq!(admit_value(json!({ "kty": "oct", "k": "AA", "use": "enc" })), Err(Inadmissible::PrivateMember));
}

#[test]
fn keys_for_other_purposes_than_verification_are_rejected() {
    for purpose in [json!("enc"), json!("SIG"), json!(null), json!(["sig"])] {
        assert_eq!(admit_with(Algorithm::Es256, "use", purpose), Err(Inadmissible::NotForSignatures));
    }
    for operations in [json!(["sign"]), json!([]), json!("verify"), json!(null), json!(["encrypt", "wrapKey"])] {
        assert_eq!(admit_with(Algorithm::Es256, "key_ops", operations), Err(Inadmissible::NotForVerification));
    }
    assert!(admit_with(Algorithm::Es256, "key_ops", json!(["sign", "verify"])).is_ok());
    assert!(admit_without(Algorithm::Es256, "use").is_ok());
}

#[test]
fn key_id_that_is_not_a_string_of_limited_length_is_rejected() {
    assert!(admit_with(Algorithm::Es256, "kid", json!("k".repeat(256))).is_ok());
    assert!(admit_without(Algorithm::Es256, "kid").is_ok());
    for kid in [json!(1), json!(null), json!(["k"]), json!("k".repeat(257))] {
        assert_eq!(admit_with(Algorithm::Es256, "kid", kid), Err(Inadmissible::BadKeyId));
    }
}

#[test]
fn unknown_key_types_and_curves_are_rejected() {
    for kty in [json!("rsa"), json!("oct"), json!("AKP"), json!(null), json!(1)] {
        assert_eq!(admit_with(Algorithm::Rs256, "kty", kty), Err(Inadmissible::UnknownKeyType));
    }
    for curve in [json!("secp256k1"), json!("p-256"), json!("Ed25519"), json!(null)] {
        assert_eq!(admit_with(Algorithm::Es256, "crv", curve), Err(Inadmissible::UnknownCurve));
    }
    for curve in [json!("X25519"), json!("Ed448"), json!(null)] {
        assert_eq!(admit_with(Algorithm::EdDsa, "crv", curve), Err(Inadmissible::UnknownCurve));
    }
}

fn admit_modulus(modulus: &[u8]) -> Result<Vec<Algorithm>, Inadmissible> {
    admit_with(Algorithm::Rs256, "n", json!(base64url::encode(modulus)))
}

/// Returns an odd number of exactly `bits` bits.
fn number_of(bits: usize) -> Vec<u8> {
    let mut octets = vec![0xff; bits.div_ceil(8)];
    octets[0] = 0xff >> (bits.div_ceil(8) * 8 - bits);
    octets
}

#[test]
fn modulus_outside_2048_to_8192_bits_is_rejected() {
    assert!(admit_modulus(&number_of(2_048)).is_ok());
    assert!(admit_modulus(&number_of(8_192)).is_ok());
    for bits in [1, 512, 1_024, 2_047, 8_193, 16_384] {
        assert_eq!(admit_modulus(&number_of(bits)), Err(Inadmissible::ModulusSize), "{bits}");
    }
}

#[test]
fn even_or_non_canonical_modulus_is_rejected() {
    let mut even = number_of(2_048);
    *even.last_mut().unwrap() = 0xfe;
    assert_eq!(admit_modulus(&even), Err(Inadmissible::EvenModulus));
    assert_eq!(admit_modulus(&[&[0], &number_of(2_048)[..]].concat()), Err(Inadmissible::MalformedMaterial));
    assert_eq!(admit_modulus(&[]), Err(Inadmissible::MalformedMaterial));
    let padded = format!("{}==", jwk(Algorithm::Rs256)["n"].as_str().unwrap());
    for modulus in [json!(padded), json!(null), json!(65_537), json!("!")] {
        assert_eq!(admit_with(Algorithm::Rs256, "n", modulus), Err(Inadmissible::MalformedMaterial));
    }
    assert_eq!(admit_without(Algorithm::Rs256, "e"), Err(Inadmissible::MalformedMaterial));
}

#[test]
fn exponent_that_is_even_or_outside_3_to_2_pow_32_is_rejected() {
    let admit_exponent = |octets: &[u8]| admit_with(Algorithm::Rs256, "e", json!(base64url::encode(octets)));
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(admit_exponent(exponent).is_ok(), "{exponent:?}");
    }
    for exponent in [&[1][..], &[2], &[4], &[1, 0, 0], &[1, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 1], &[0xff; 256]] {
        assert_eq!(admit_exponent(exponent), Err(Inadmissible::BadExponent), "{exponent:?}");
    }
    for exponent in [&[][..], &[0], &[0, 1, 0, 1]] {
        assert_eq!(admit_exponent(exponent), Err(Inadmissible::MalformedMaterial), "{exponent:?}");
    }
}

#[test]
fn point_off_its_curve_or_of_wrong_length_is_rejected() {
    for (algorithm, length) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48), (Algorithm::Es512, 66)] {
        let off_curve = json!(base64url::encode(vec![1; length]));
        assert_eq!(admit_with(algorithm, "y", off_curve), Err(Inadmissible::NotOnCurve), "{algorithm}");
        for wrong in [length - 1, length + 1, 0] {
            let coordinate = json!(base64url::encode(vec![1; wrong]));
            assert_eq!(admit_with(algorithm, "x", coordinate), Err(Inadmissible::MalformedMaterial), "{algorithm}");
        }
        assert_eq!(admit_without(algorithm, "y"), Err(Inadmissible::MalformedMaterial), "{algorithm}");
    }
}

#[test]
fn ed25519_points_of_small_order_are_rejected_in_every_encoding() {
    let tiny = |least: u8| {
        let mut y = [0; 32];
        y[0] = least;
        y
    };
    let huge = |least: u8| {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (least, 0x7f);
        y
    };
    let order_eight = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let order_eight = order_eight
        .map(|hex| std::array::from_fn(|octet| u8::from_str_radix(&hex[2 * octet..2 * octet + 2], 16).unwrap()));
    let weak = [tiny(0), tiny(1), huge(0xec), huge(0xed), huge(0xee), huge(0xff)].into_iter().chain(order_eight);
    for mut point in weak {
        for sign in [0, 0x80] {
            point[31] = point[31] & 0x7f | sign;
            let admitted = admit_with(Algorithm::EdDsa, "x", json!(base64url::encode(point)));
            assert_eq!(admitted, Err(Inadmissible::SmallOrder), "{point:02x?}");
        }
    }
    for length in [0, 31, 33] {
        let point = json!(base64url::encode(vec![7; length]));
        assert_eq!(admit_with(Algorithm::EdDsa, "x", point), Err(Inadmissible::MalformedMaterial));
    }
}

#[test]
fn entry_that_is_not_an_object_is_rejected() {
    for value in [json!(null), json!("key"), json!([jwk(Algorithm::Es256)])] {
        assert_eq!(admit_value(value), Err(Inadmissible::NotAnObject));
    }
}
