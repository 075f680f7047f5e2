//! The validity of a verified token: how long it lasts, and everything that ends it.

use std::time::Duration;

use serde_json::{Value, json};

use super::tests::Scene;
use super::*;
use crate::jose::Algorithm;
use crate::oidc::IssuerSettings;
use crate::oidc::testing::{MemoryStore, NOW, SigningKey};

impl Scene {
    /// A token with these claims, verified by known keys.
    async fn verified(&self, claims: &Value) -> (String, VerifiedToken) {
        let token = self.token(claims);
        // The first call may have waited for the keys; then their edition is unknown and the token must not be cached.
        self.verifier.verify(&token).await.unwrap();
        let verified = self.verifier.prove(&token, None).await.unwrap();
        assert!(self.is_valid(&verified), "a verified token is valid");
        (token, verified)
    }

    fn is_valid(&self, token: &VerifiedToken) -> bool {
        is_valid_at(token, self.clock.now())
    }

    /// Makes the verifier fetch the keys again.
    pub(crate) async fn refetch(&self) {
        self.clock.advance(Duration::from_secs(31));
        let unknown = SigningKey::generate(Algorithm::Es256, "unpublished");
        let refused = self.verifier.verify(&unknown.sign(&unknown.header(), &self.claims())).await;
        assert_eq!(refused.unwrap_err(), Rejection::UnknownKey);
    }

    pub(crate) fn trust(&self, settings: IssuerSettings) {
        let keys = self.verifier.issuers.keys_of(&settings);
        let keys = keys.unwrap_or_else(|| self.provider.key_set(&Arc::<MemoryStore>::default(), &self.clock));
        self.verifier.issuers.replace([(settings, keys)]);
    }

    pub(crate) fn trust_no_issuer(&self) {
        self.verifier.issuers.replace([]);
    }

    /// Another verifier that trusts the same issuers.
    pub(crate) fn another_verifier(&self) -> TokenVerifier {
        TokenVerifier::new(self.verifier.issuers.clone(), self.clock.clone())
    }
}

fn is_valid_at(VerifiedToken { claims, validity }: &VerifiedToken, now: DateTime<Utc>) -> bool {
    validity.is_some_and(|validity| validity.is_valid(claims, now.timestamp_micros()))
}

#[tokio::test]
async fn verified_claims_equal_examined_claims() {
    let scene = Scene::start().await;
    let (token, VerifiedToken { claims: verified, .. }) = scene.verified(&scene.claims()).await;
    let fresh = scene.verifier.examine(&token, |_| {}).await.unwrap();
    assert_eq!(
        (verified.issuer(), verified.kind(), verified.subject()),
        (fresh.issuer(), fresh.kind(), fresh.subject())
    );
    assert_eq!((verified.scopes(), verified.roles()), (fresh.scopes(), fresh.roles()));
    assert_eq!(verified.client_id(), fresh.client_id());
    assert_eq!((verified.expires_at(), verified.issued_at()), (fresh.expires_at(), fresh.issued_at()));
    assert!(verified.profile() == fresh.profile());
}

#[tokio::test]
async fn validity_ends_with_the_token() {
    let scene = Scene::start().await;
    let (token, verified) = scene.verified(&scene.claims()).await;
    scene.clock.advance(Duration::from_secs(329));
    assert!(scene.is_valid(&verified));
    scene.clock.advance(Duration::from_secs(1));
    assert!(!scene.is_valid(&verified));
    assert_eq!(scene.refusal(&token).await, Rejection::Expired);
}

#[tokio::test]
async fn validity_begins_with_the_token() {
    let scene = Scene::start().await;
    let mut claims = scene.claims_without("iat");
    claims["nbf"] = json!(NOW);
    for claims in [scene.claims(), claims] {
        let (_, verified) = scene.verified(&claims).await;
        let earlier = |seconds| scene.clock.now() - chrono::TimeDelta::seconds(seconds);
        assert!(is_valid_at(&verified, earlier(30)));
        assert!(!is_valid_at(&verified, earlier(31)), "{claims}");
    }
}

#[tokio::test]
async fn validity_ends_when_the_key_is_withdrawn() {
    let scene = Scene::start().await;
    let (token, verified) = scene.verified(&scene.claims()).await;
    scene.refetch().await;
    assert!(scene.is_valid(&verified), "the same keys were published again");
    scene.provider.publish(&[scene.key(Algorithm::Rs256)]);
    scene.refetch().await;
    assert!(!scene.is_valid(&verified));
    assert_eq!(scene.refusal(&token).await, Rejection::UnknownKey);
}

#[tokio::test]
async fn validity_ends_when_the_keys_are_too_old() {
    let scene = Scene::start().await;
    let (token, verified) = scene.verified(&scene.claims_with("exp", json!(NOW + 200_000))).await;
    scene.provider.answer("/jwks", 500, "");
    scene.clock.advance(Duration::from_secs(24 * 3_600));
    assert!(!scene.is_valid(&verified));
    assert_eq!(scene.verifier.verify(&token).await.unwrap_err(), Rejection::KeysUnavailable);
}

#[tokio::test]
async fn validity_ends_when_the_issuers_are_reloaded() {
    let scene = Scene::start().await;
    let (token, mut verified) = scene.verified(&scene.claims()).await;
    scene.trust(IssuerSettings { audiences: vec!["another".to_owned()], ..scene.provider.settings() });
    assert!(!scene.is_valid(&verified));
    assert_eq!(scene.refusal(&token).await, Rejection::WrongAudience);
    scene.trust(IssuerSettings { scope_prefix: "users:".to_owned(), ..scene.provider.settings() });
    verified = scene.verified(&scene.claims()).await.1;
    assert!(verified.claims.scopes().contains("read"));
    scene.trust_no_issuer();
    assert!(!scene.is_valid(&verified));
    assert_eq!(scene.refusal(&token).await, Rejection::UnknownIssuer);
}

#[tokio::test]
async fn token_verified_while_the_keys_change_has_no_validity() {
    let scene = Scene::start().await;
    let (token, verified) = scene.verified(&scene.claims()).await;
    assert!(verified.validity.is_some());
    // The first verification after a restart waits for the keys, so that their edition changes meanwhile.
    scene.trust_no_issuer();
    let key_set = scene.provider.key_set(&Arc::<MemoryStore>::default(), &scene.clock);
    scene.verifier.issuers.replace([(scene.provider.settings(), key_set)]);
    assert!(scene.verifier.prove(&token, None).await.unwrap().validity.is_none());
}
