//! Proved tokens are known again, and each of the ways in which they cease to be.

use std::time::Duration;

use serde_json::{Value, json};

use super::tests::Scene;
use super::*;
use crate::oidc::testing::{MemoryStore, NOW, SigningKey};
use crate::oidc::{Algorithm, IssuerSettings};

impl Scene {
    /// A token of these claims that is remembered.
    async fn remembered(&self, claims: &Value) -> String {
        let token = self.token(claims);
        // The first one may have had to wait for the keys, and then nobody knows which they were.
        self.verifier.verify(&token).await.unwrap();
        self.verifier.verify(&token).await.unwrap();
        assert!(self.is_remembered(&token, self.clock.now()), "a proved token is known again");
        token
    }

    fn is_remembered(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.verifier.proved.find(token.as_bytes(), now.timestamp_micros()).is_some()
    }

    /// Has the keys fetched once more.
    async fn refetch(&self) {
        self.clock.advance(Duration::from_secs(31));
        let stranger = SigningKey::generate(Algorithm::Es256, "published-by-nobody");
        let refused = self.verifier.verify(&stranger.sign(&stranger.header(), &self.claims())).await;
        assert_eq!(refused.unwrap_err(), Rejection::UnknownKey);
    }

    fn trust(&self, settings: IssuerSettings) {
        let keys = self.verifier.issuers.keys_of(&settings);
        let keys = keys.unwrap_or_else(|| self.provider.key_set(&Arc::<MemoryStore>::default(), &self.clock));
        self.verifier.issuers.replace([(settings, keys)]);
    }
}

#[tokio::test]
async fn a_token_that_is_known_again_says_what_it_said() {
    let scene = Scene::start().await;
    let token = scene.remembered(&scene.claims()).await;
    let (again, anew) = (scene.verifier.verify(&token).await.unwrap(), scene.verifier.examine(&token, |_| {}).await);
    let anew = anew.unwrap();
    assert_eq!((again.issuer(), again.kind(), again.subject()), (anew.issuer(), anew.kind(), anew.subject()));
    assert_eq!((again.scopes(), again.roles(), again.client_id()), (anew.scopes(), anew.roles(), anew.client_id()));
    assert_eq!((again.expires_at(), again.issued_at()), (anew.expires_at(), anew.issued_at()));
    assert!(again.profile() == anew.profile());
}

#[tokio::test]
async fn who_only_looks_leaves_nothing_to_be_known_by() {
    let scene = Scene::start().await;
    scene.remembered(&scene.claims()).await;
    let other = scene.token(&scene.claims_with("jti", json!("2")));
    scene.verifier.examine(&other, |_| {}).await.unwrap();
    assert!(!scene.is_remembered(&other, scene.clock.now()));
    scene.refusal(&scene.token(&scene.claims_with("exp", json!(NOW - 31)))).await;
}

#[tokio::test]
async fn a_token_that_differs_anywhere_is_another() {
    let scene = Scene::start().await;
    let token = scene.remembered(&scene.claims()).await;
    for at in (0..token.len()).step_by(7) {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(!scene.is_remembered(&other, scene.clock.now()));
        assert!(scene.verifier.verify(&other).await.is_err(), "octet {at}");
    }
    for other in [format!("{token}="), format!("{token} "), token[..token.len() - 1].to_owned()] {
        assert!(scene.verifier.verify(&other).await.is_err());
    }
}

#[tokio::test]
async fn it_ends_when_the_token_does() {
    let scene = Scene::start().await;
    let token = scene.remembered(&scene.claims()).await;
    scene.clock.advance(Duration::from_secs(329));
    assert!(scene.is_remembered(&token, scene.clock.now()));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.refusal(&token).await, Rejection::Expired);
}

#[tokio::test]
async fn a_clock_that_is_set_back_finds_the_token_too_early() {
    let scene = Scene::start().await;
    let mut claims = scene.claims_without("iat");
    claims["nbf"] = json!(NOW);
    for claims in [scene.claims(), claims] {
        let token = scene.remembered(&claims).await;
        let earlier = |seconds| scene.clock.now() - chrono::TimeDelta::seconds(seconds);
        assert!(scene.is_remembered(&token, earlier(30)));
        assert!(!scene.is_remembered(&token, earlier(31)), "{claims}");
    }
}

#[tokio::test]
async fn it_ends_when_the_key_is_withdrawn() {
    let scene = Scene::start().await;
    let token = scene.remembered(&scene.claims()).await;
    scene.refetch().await;
    assert!(scene.is_remembered(&token, scene.clock.now()), "the same keys were published again");
    scene.provider.publish(&[scene.key(Algorithm::Rs256)]);
    scene.refetch().await;
    assert_eq!(scene.refusal(&token).await, Rejection::UnknownKey);
}

#[tokio::test]
async fn it_ends_when_the_keys_are_too_old() {
    let scene = Scene::start().await;
    let token = scene.remembered(&scene.claims_with("exp", json!(NOW + 200_000))).await;
    scene.provider.answer("/jwks", 500, "");
    scene.clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(scene.verifier.verify(&token).await.unwrap_err(), Rejection::KeysUnavailable);
}

#[tokio::test]
async fn it_ends_when_the_issuers_are_read_again() {
    let scene = Scene::start().await;
    let token = scene.remembered(&scene.claims()).await;
    scene.trust(IssuerSettings { audiences: vec!["another".to_owned()], ..scene.provider.settings() });
    assert_eq!(scene.refusal(&token).await, Rejection::WrongAudience);
    scene.trust(IssuerSettings { scope_prefix: "users:".to_owned(), ..scene.provider.settings() });
    assert!(scene.verifier.verify(&token).await.unwrap().scopes().contains("read"));
    scene.verifier.issuers.replace([]);
    assert_eq!(scene.refusal(&token).await, Rejection::UnknownIssuer);
}
