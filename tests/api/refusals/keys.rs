//! The keys: the accepted entries of a published key set.
//!
//! Every flaw is one change to an entry whose private half signs the token; with the intact entry the token is accepted. Where no intact
//! entry exists, the token is a forgery that the flawed key would verify.

use openidconnect::PrivateSigningKey;
use openidconnect::core::{CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use portcullis::dev::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::jose::{self, encode, padded_digest, signed_with};
use super::{Case, Workshop};

const UNPUBLISHED: &str = "signed with a key that its issuer does not publish";
const MISMATCH: &str = "algorithm does not match its key";
const AMBIGUOUS: &str = "More than one key matches";

/// A weak key of 1,024 bits, generated for this test.
const WEAK_RSA_KEY: &str = include_str!("rsa_1024.pem");

/// The public half of `key` under another key id.
pub fn named(key: &SigningKey, kid: &str) -> Value {
    let mut jwk = key.public_jwk();
    jwk["kid"] = kid.into();
    jwk
}

pub fn modulus(key: &SigningKey) -> Vec<u8> {
    octets(&key.public_jwk(), "n")
}

fn octets(jwk: &Value, member: &str) -> Vec<u8> {
    jose::decode(jwk[member].as_str().unwrap()).unwrap()
}

/// Signs a text.
type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A published key with a flaw.
pub struct Flaw {
    rule: String,
    kid: String,
    algorithm: &'static str,
    sign: Sign,
    sound: Option<Value>,
    flawed: Vec<String>,
    reason: &'static str,
}

impl Flaw {
    pub fn all(workshop: &Workshop<'_>) -> Vec<Self> {
        let mut list = Flaws { list: Vec::new() };
        let key = |algorithm| SigningKey::generate(algorithm);
        list.purposes(&workshop.rs256);
        list.halves_and_names(&workshop.rs256);
        list.rsa_numbers(&workshop.rs256);
        list.algorithms(&workshop.rs256, &workshop.es256);
        list.points(&workshop.es256, &key(Algorithm::Es384));
        list.edwards_points(&workshop.eddsa);
        list.forgeries(&workshop.rs256);
        list.list
    }

    pub fn sound_key(&self) -> Option<String> {
        self.sound.as_ref().map(Value::to_string)
    }

    pub fn flawed_keys(&self) -> Vec<String> {
        self.flawed.clone()
    }

    pub fn case(&self, workshop: &Workshop<'_>) -> Case {
        Case::token(&self.rule, self.token(workshop), self.reason)
    }

    /// Asserts that the token is accepted with the intact key.
    pub async fn sound_key_is_accepted(&self, workshop: &Workshop<'_>) {
        if self.sound.is_some() {
            let reply = workshop.app.get("/api/v1/me", &self.token(workshop)).await;
            assert_eq!(reply.status(), 200, "{}: {}", self.rule, reply.text());
        }
    }

    fn token(&self, workshop: &Workshop<'_>) -> String {
        let unsigned = workshop.es256().header("alg", self.algorithm).kid(&self.kid).sign();
        signed_with(&unsigned, |text| (self.sign)(text))
    }
}

struct Flaws {
    list: Vec<Flaw>,
}

impl Flaws {
    /// Adds an intact key and its flawed entry, which differs by `change`.
    fn add(&mut self, key: &SigningKey, rule: &str, change: impl FnOnce(&mut Value)) {
        self.add_refused_with(UNPUBLISHED, key, rule, change);
    }

    fn add_refused_with(
        &mut self,
        reason: &'static str,
        key: &SigningKey,
        rule: &str,
        change: impl FnOnce(&mut Value),
    ) {
        let kid = format!("flaw-{}", self.list.len());
        let sound = named(key, &kid);
        let mut flawed = sound.clone();
        change(&mut flawed);
        self.add_as_published(reason, key, rule, sound, vec![flawed.to_string()]);
    }

    fn add_as_published(
        &mut self,
        reason: &'static str,
        key: &SigningKey,
        rule: &str,
        sound: Value,
        flawed: Vec<String>,
    ) {
        let key = key.clone();
        self.list.push(Flaw {
            rule: rule.to_owned(),
            kid: sound["kid"].as_str().unwrap().to_owned(),
            algorithm: key.algorithm().name(),
            sign: Box::new(move |text| key.sign(text)),
            sound: Some(sound),
            flawed,
            reason,
        });
    }

    /// Adds a key that protects nothing: `sign` needs no secret, or a weak one.
    fn add_forgery(&mut self, rule: &str, algorithm: Algorithm, jwk: Value, sign: impl Fn(&[u8]) -> Vec<u8> + 'static) {
        let kid = format!("flaw-{}", self.list.len());
        let mut jwk = jwk;
        jwk["kid"] = kid.as_str().into();
        self.list.push(Flaw {
            rule: rule.to_owned(),
            kid,
            algorithm: algorithm.name(),
            sign: Box::new(sign),
            sound: None,
            flawed: vec![jwk.to_string()],
            reason: UNPUBLISHED,
        });
    }

    fn purposes(&mut self, key: &SigningKey) {
        let purpose = "a key that is not for signatures is not used (RFC 7517 section 4.2)";
        for value in [json!("enc"), json!("SIG"), json!(""), json!(null), json!(["sig"])] {
            self.add(key, purpose, |jwk| jwk["use"] = value);
        }
        let operations = "a key verifies only if its operations include verify (RFC 7517 section 4.3)";
        for value in
            [json!(["sign"]), json!(["encrypt", "wrapKey"]), json!([]), json!("verify"), json!(null), json!(["Verify"])]
        {
            self.add(key, operations, |jwk| jwk["key_ops"] = value);
        }
    }

    fn halves_and_names(&mut self, key: &SigningKey) {
        let private = "a key whose private half is published is not used (RFC 7517 section 9.2)";
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            self.add(key, private, |jwk| jwk[member] = json!("AQAB"));
        }
        let kind = "a key is of a supported type (RFC 7517 section 4.1)";
        for value in [json!("oct"), json!("rsa"), json!("EC"), json!("OKP"), json!("AKP"), json!(""), json!(null)] {
            self.add(key, kind, |jwk| jwk["kty"] = value);
        }
        let rule = "a symmetric key is not a public key (RFC 7518 section 6.4, CVE-2026-48526)";
        self.add(key, rule, |jwk| *jwk = json!({ "kty": "oct", "k": jwk["n"], "kid": jwk["kid"], "alg": "HS256" }));
        self.twice(key);
    }

    fn twice(&mut self, key: &SigningKey) {
        let sound = named(key, "comes-twice");
        let once = "no member of a key comes twice (RFC 7517 section 4)";
        let text = sound.to_string().replacen('{', r#"{"use":"sig","#, 1);
        self.add_as_published(UNPUBLISHED, key, once, sound, vec![text]);
        let sound = named(key, "names-two-keys");
        let other = named(&SigningKey::generate(Algorithm::Rs256), "names-two-keys");
        let one = "a key id of two keys of one algorithm is ambiguous (RFC 7517 section 4.5)";
        self.add_as_published(AMBIGUOUS, key, one, sound.clone(), vec![sound.to_string(), other.to_string()]);
    }

    fn rsa_numbers(&mut self, key: &SigningKey) {
        let n = modulus(key);
        let exponent = "an RSA exponent is odd and from 3 to 2^32 (RFC 8017 section 3.1, NIST SP 800-56B section 6.2)";
        for e in [vec![0], vec![1], vec![2], vec![1, 0, 0], vec![1, 0, 0, 0, 1], vec![0xff; 9], n.clone()] {
            self.add(key, exponent, |jwk| jwk["e"] = encode(e).into());
        }
        let spelling = "a number is base64url without leading zeros (RFC 7518 sections 2 and 6.3.1)";
        self.add(key, spelling, |jwk| jwk["e"] = "AAEAAQ".into());
        self.add(key, spelling, |jwk| jwk["e"] = "AQAB=".into());
        self.add(key, spelling, |jwk| jwk["e"] = 65_537.into());
        self.add(key, spelling, |jwk| jwk["n"] = encode([&[0], n.as_slice()].concat()).into());
        self.add(key, spelling, |jwk| jwk["n"] = format!("{}=", encode(&n)).into());
        let size = "an RSA modulus has from 2,048 to 8,192 bits (RFC 7518 section 3.3, OWASP API4:2023)";
        self.add(key, size, |jwk| jwk["n"] = encode(&n[1..]).into());
        self.add(key, size, |jwk| jwk["n"] = encode([n.as_slice(), &[1; 1_024]].concat()).into());
        let even = "an RSA modulus is odd (RFC 8017 section 3.1)";
        self.add(key, even, |jwk| jwk["n"] = encode([&n[..n.len() - 1], &[n[n.len() - 1] & 0xfe]].concat()).into());
        let present = "an RSA key has n and e (RFC 7518 section 6.3.1)";
        for member in ["n", "e"] {
            self.add(key, present, |jwk| drop(jwk.as_object_mut().unwrap().remove(member)));
        }
    }

    fn algorithms(&mut self, rsa: &SigningKey, ec: &SigningKey) {
        let own = "a key is used with the algorithm that it names only (RFC 7517 section 4.4, RFC 8725 section 3.1)";
        self.add_refused_with(MISMATCH, rsa, own, |jwk| jwk["alg"] = "PS256".into());
        for alg in ["RS384", "RSA-OAEP-256", "HS256", "none", "rs256", "", "ES256", "EdDSA"] {
            self.add(rsa, own, |jwk| jwk["alg"] = alg.into());
        }
        for alg in [json!(null), json!(["RS256"])] {
            self.add(rsa, own, |jwk| jwk["alg"] = alg);
        }
        for alg in ["ES384", "ES256K", "ECDH-ES", "RS256"] {
            self.add(ec, own, |jwk| jwk["alg"] = alg.into());
        }
    }

    fn points(&mut self, key: &SigningKey, p384: &SigningKey) {
        let curve = "the curve is supported and the one of the algorithm (RFC 7518 section 6.2.1.1)";
        for value in [json!("P-384"), json!("P-521"), json!("secp256k1"), json!("p-256"), json!("Ed25519"), json!(null)]
        {
            self.add(key, curve, |jwk| jwk["crv"] = value);
        }
        self.add(p384, curve, |jwk| jwk["crv"] = "P-256".into());
        let kind = "type and curve match (RFC 7518 section 6.2, RFC 8037 section 2)";
        self.add(key, kind, |jwk| jwk["kty"] = "OKP".into());
        self.add(key, kind, |jwk| jwk["kty"] = "RSA".into());
        let (x, y) = (octets(&key.public_jwk(), "x"), octets(&key.public_jwk(), "y"));
        let length = "a coordinate has the full length of its field (RFC 7518 section 6.2.1.2)";
        self.add(key, length, |jwk| jwk["x"] = encode(&x[1..]).into());
        self.add(key, length, |jwk| jwk["y"] = encode(&y[..31]).into());
        self.add(key, length, |jwk| jwk["x"] = encode([&[0], x.as_slice()].concat()).into());
        self.add(key, length, |jwk| jwk["y"] = "".into());
        self.add(key, length, |jwk| drop(jwk.as_object_mut().unwrap().remove("y")));
        self.add(key, length, |jwk| {
            jwk["x"] = encode([&[4], x.as_slice(), &y].concat()).into();
        });
        let on_curve = "a point is on its curve (RFC 8725 section 3.4, CVE-2015-7940)";
        self.add(key, on_curve, |jwk| jwk["y"] = encode(&x).into());
        self.add(key, on_curve, |jwk| jwk["x"] = encode([0; 32]).into());
        self.add(key, on_curve, |jwk| (jwk["x"], jwk["y"]) = (encode([0; 32]).into(), encode([0; 32]).into()));
        self.add(key, on_curve, |jwk| jwk["x"] = encode([0xff; 32]).into());
    }

    fn edwards_points(&mut self, key: &SigningKey) {
        let curve = "an EdDSA key is on Ed25519 (RFC 8037 section 2)";
        for value in ["X25519", "Ed448", "P-256", "ed25519"] {
            self.add(key, curve, |jwk| jwk["crv"] = value.into());
        }
        let x = octets(&key.public_jwk(), "x");
        let length = "an Ed25519 key has 32 octets (RFC 8032 section 5.1.5)";
        self.add(key, length, |jwk| jwk["x"] = encode(&x[..31]).into());
        self.add(key, length, |jwk| jwk["x"] = encode([x.as_slice(), &[0]].concat()).into());
    }

    fn forgeries(&mut self, rsa: &SigningKey) {
        let weak = CoreRsaPrivateSigningKey::from_pem(WEAK_RSA_KEY, None).unwrap();
        let jwk = serde_json::to_value(weak.as_verification_key()).unwrap();
        let rule = "an RSA key has 2,048 bits or more (RFC 7518 section 3.3)";
        self.add_forgery(rule, Algorithm::Rs256, jwk, move |text| {
            weak.sign(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, text).unwrap()
        });
        let rule = "with the exponent 1 no secret is needed to sign (RFC 8017 section 3.1)";
        let jwk = json!({ "kty": "RSA", "n": rsa.public_jwk()["n"], "e": encode([1]), "alg": "RS256" });
        self.add_forgery(rule, Algorithm::Rs256, jwk, padded_digest);
        let rule = "with a key of small order one signature fits all messages (RFC 8725 section 3.4)";
        for point in SMALL_ORDER {
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(point), "alg": "EdDSA" });
            // R is the neutral element and S zero, which verifies whenever the multiple of the key is neutral too.
            self.add_forgery(rule, Algorithm::EdDsa, jwk, |_| [neutral_point(), [0; 32]].concat());
        }
    }
}

const fn neutral_point() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}

/// Points of order 1, 1 in another encoding, 2, 4 and 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    neutral_point(),
    {
        let mut point = [0xff; 32];
        point[0] = 0xee;
        point[31] = 0x7f;
        point
    },
    {
        let mut point = [0xff; 32];
        point[0] = 0xec;
        point[31] = 0x7f;
        point
    },
    [0; 32],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
];
