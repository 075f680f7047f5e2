//! The irreducible cost: the verification of a signature with a parsed key.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use portcullis::dev::{Algorithm, SigningKey};

/// As long as the signed part of a typical token.
const MESSAGE: [u8; 700] = [b'm'; 700];
/// The number of signatures per batch, each over a different message: repeated input would train the branch predictor.
const BATCH: u32 = 500;
const BATCHES: usize = 9;

/// Prints the median of the batches, in microseconds per verification.
pub(crate) fn report() {
    let algorithms = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
    let costs: BTreeMap<_, _> = algorithms.map(|algorithm| (algorithm.name(), cost(algorithm))).into();
    println!("{}", serde_json::to_string(&costs).unwrap());
}

fn cost(algorithm: Algorithm) -> f64 {
    let pair = SigningKey::generate(algorithm);
    let (key, signed) = (parsed(&pair), (0..BATCH).map(|number| signed(&pair, number)).collect::<Vec<_>>());
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let started = Instant::now();
            for (message, signature) in &signed {
                key.verify_sig(black_box(message), black_box(signature)).unwrap();
            }
            started.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    *batches.get(BATCHES / 2).unwrap()
}

/// The message with this number, and its signature.
fn signed(pair: &SigningKey, number: u32) -> ([u8; 700], Vec<u8>) {
    let mut message = MESSAGE;
    message.iter_mut().zip(number.to_be_bytes()).for_each(|(octet, digit)| *octet = digit);
    let signature = pair.sign(&message);
    (message, signature)
}

fn parsed(pair: &SigningKey) -> ParsedPublicKey {
    let jwk = pair.public_jwk();
    let octets = |member| BASE64_URL_SAFE_NO_PAD.decode(jwk.get(member).unwrap().as_str().unwrap()).unwrap();
    let rsa = || RsaPublicKeyComponents { n: octets("n"), e: octets("e") };
    let key = match pair.algorithm() {
        Algorithm::Rs256 => rsa().to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Ps256 => rsa().to_parsed_public_key(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Es256 => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], octets("x"), octets("y")].concat())
        }
        _ => ParsedPublicKey::new(&ED25519, octets("x")),
    };
    key.unwrap()
}
