//! The token cache of the verifier: hits, and every way in which an entry becomes invalid.

use std::time::Duration;

use serde_json::{Value, json};

use super::tests::Scene;
use super::*;
use crate::jose::Algorithm;
use crate::oidc::IssuerSettings;
use crate::oidc::testing::{MemoryStore, NOW, SigningKey};

impl Scene {
    /// A cached token with these claims.
    async fn cached_token(&self, claims: &Value) -> String {
        let token = self.token(claims);
        // The first call may have waited for the keys; then their edition is unknown and the token is not cached.
        self.verifier.verify(&token).await.unwrap();
        self.verifier.verify(&token).await.unwrap();
        assert!(self.is_cached(&token, self.clock.now()), "a verified token is cached");
        token
    }

    fn is_cached(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.verifier.cache.find(token.as_bytes(), now.timestamp_micros()).is_some()
    }

    /// Makes the verifier fetch the keys again.
    async fn refetch(&self) {
        self.clock.advance(Duration::from_secs(31));
        let unknown = SigningKey::generate(Algorithm::Es256, "unpublished");
        let refused = self.verifier.verify(&unknown.sign(&unknown.header(), &self.claims())).await;
        assert_eq!(refused.unwrap_err(), Rejection::UnknownKey);
    }

    fn trust(&self, settings: IssuerSettings) {
        let keys = self.verifier.issuers.keys_of(&settings);
        let keys = keys.unwrap_or_else(|| self.provider.key_set(&Arc::<MemoryStore>::default(), &self.clock));
        self.verifier.issuers.replace([(settings, keys)]);
    }
}

#[tokio::test]
async fn cached_claims_equal_verified_claims() {
    let scene = Scene::start().await;
    let token = scene.cached_token(&scene.claims()).await;
    let cached = scene.verifier.verify(&token).await.unwrap();
    let fresh = scene.verifier.examine(&token, |_| {}).await.unwrap();
    assert_eq!((cached.issuer(), cached.kind(), cached.subject()), (fresh.issuer(), fresh.kind(), fresh.subject()));
    assert_eq!((cached.scopes(), cached.roles()), (fresh.scopes(), fresh.roles()));
    assert_eq!(cached.client_id(), fresh.client_id());
    assert_eq!((cached.expires_at(), cached.issued_at()), (fresh.expires_at(), fresh.issued_at()));
    assert!(cached.profile() == fresh.profile());
}

#[tokio::test]
async fn examine_does_not_cache_the_token() {
    let scene = Scene::start().await;
    scene.cached_token(&scene.claims()).await;
    let other = scene.token(&scene.claims_with("jti", json!("2")));
    scene.verifier.examine(&other, |_| {}).await.unwrap();
    assert!(!scene.is_cached(&other, scene.clock.now()));
    scene.refusal(&scene.token(&scene.claims_with("exp", json!(NOW - 31)))).await;
}

#[tokio::test]
async fn token_that_differs_in_any_octet_is_not_found() {
    let scene = Scene::start().await;
    let token = scene.cached_token(&scene.claims()).await;
    for at in (0..token.len()).step_by(7) {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(!scene.is_cached(&other, scene.clock.now()));
        assert!(scene.verifier.verify(&other).await.is_err(), "octet {at}");
    }
    for other in [format!("{token}="), format!("{token} "), token[..token.len() - 1].to_owned()] {
        assert!(scene.verifier.verify(&other).await.is_err());
    }
}

#[tokio::test]
async fn entry_ends_with_the_token() {
    let scene = Scene::start().await;
    let token = scene.cached_token(&scene.claims()).await;
    scene.clock.advance(Duration::from_secs(329));
    assert!(scene.is_cached(&token, scene.clock.now()));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.refusal(&token).await, Rejection::Expired);
}

#[tokio::test]
async fn entry_is_not_used_before_the_token_is_valid() {
    let scene = Scene::start().await;
    let mut claims = scene.claims_without("iat");
    claims["nbf"] = json!(NOW);
    for claims in [scene.claims(), claims] {
        let token = scene.cached_token(&claims).await;
        let earlier = |seconds| scene.clock.now() - chrono::TimeDelta::seconds(seconds);
        assert!(scene.is_cached(&token, earlier(30)));
        assert!(!scene.is_cached(&token, earlier(31)), "{claims}");
    }
}

#[tokio::test]
async fn entry_ends_when_the_key_is_withdrawn() {
    let scene = Scene::start().await;
    let token = scene.cached_token(&scene.claims()).await;
    scene.refetch().await;
    assert!(scene.is_cached(&token, scene.clock.now()), "the same keys were published again");
    scene.provider.publish(&[scene.key(Algorithm::Rs256)]);
    scene.refetch().await;
    assert_eq!(scene.refusal(&token).await, Rejection::UnknownKey);
}

#[tokio::test]
async fn entry_ends_when_the_keys_are_too_old() {
    let scene = Scene::start().await;
    let token = scene.cached_token(&scene.claims_with("exp", json!(NOW + 200_000))).await;
    scene.provider.answer("/jwks", 500, "");
    scene.clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(scene.verifier.verify(&token).await.unwrap_err(), Rejection::KeysUnavailable);
}

#[tokio::test]
async fn entry_ends_when_the_issuers_are_reloaded() {
    let scene = Scene::start().await;
    let token = scene.cached_token(&scene.claims()).await;
    scene.trust(IssuerSettings { audiences: vec!["another".to_owned()], ..scene.provider.settings() });
    assert_eq!(scene.refusal(&token).await, Rejection::WrongAudience);
    scene.trust(IssuerSettings { scope_prefix: "users:".to_owned(), ..scene.provider.settings() });
    assert!(scene.verifier.verify(&token).await.unwrap().scopes().contains("read"));
    scene.verifier.issuers.replace([]);
    assert_eq!(scene.refusal(&token).await, Rejection::UnknownIssuer);
}
