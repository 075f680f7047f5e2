use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;

use chrono::TimeDelta;

use super::*;
use crate::oidc::StoredKeySet;
use crate::oidc::keys::key_set_state::{KeySetCondition, choose};
use crate::oidc::testing::{MemoryStore, ScriptedProvider, SigningKey, clock, key_document};

const ES: Algorithm = Algorithm::Es256;
const PAST_COOLDOWN: Duration = Duration::from_secs(31);
const PAST_REFRESH: Duration = Duration::from_secs(661);

/// A provider that publishes the key `a`, and its key set.
struct Scene {
    provider: ScriptedProvider,
    store: Arc<MemoryStore>,
    clock: Clock,
    key: SigningKey,
    keys: KeySet,
}

impl Scene {
    async fn start() -> Self {
        let (provider, store, clock) = (ScriptedProvider::start().await, Arc::default(), clock());
        let key = SigningKey::generate(ES, "a");
        provider.publish(&[&key]);
        let keys = provider.key_set(&store, &clock);
        let scene = Self { provider, store, clock, key, keys };
        scene.expect("a", Ok(())).await;
        scene
    }

    async fn find(&self, key_id: &str) -> Result<(), Rejection> {
        self.keys.find(Some(key_id), ES).await.map(drop)
    }

    async fn expect(&self, key_id: &str, outcome: Result<(), Rejection>) {
        assert_eq!(self.find(key_id).await, outcome, "{key_id}");
    }

    /// Advances the clock by `time` and waits for the attempt that is then due.
    async fn pass(&self, time: Duration) {
        let mut attempts = self.keys.0.shared.attempts.subscribe();
        self.clock.advance(time);
        attempts.changed().await.unwrap();
    }

    fn condition(&self) -> KeySetCondition {
        self.keys.state().condition
    }

    fn fetches(&self) -> usize {
        self.provider.asked("/jwks")
    }
}

#[tokio::test]
async fn keys_are_fetched_and_stored_at_startup() {
    let scene = Scene::start().await;
    let now = scene.clock.now();
    let (condition, fetched_at) = (KeySetCondition::Fresh, Some(now));
    let state = KeySetState { condition, fetched_at, last_error: None, attempts: 1, failures: 0 };
    assert_eq!(scene.keys.state(), state);
    let stored = scene.store.0.lock().unwrap().get(&scene.provider.url).cloned();
    assert_eq!(stored, Some(StoredKeySet { document: key_document(&[&scene.key]), fetched_at: now }));
}

#[tokio::test]
async fn any_number_of_unknown_key_ids_causes_one_fetch_per_cooldown() {
    let scene = Scene::start().await;
    for number in 0..500 {
        scene.expect(&format!("unknown-{number}"), Err(Rejection::UnknownKey)).await;
    }
    // One at startup, and one for the unknown key ids.
    assert_eq!(scene.fetches(), 2);
    scene.clock.advance(PAST_COOLDOWN);
    let ids: Vec<_> = (500..1_000).map(|number| format!("unknown-{number}")).collect();
    let outcomes = join_all(ids.iter().map(|id| scene.find(id))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(Rejection::UnknownKey)));
    // The provider serves in order: a fetch that the refresher has started would come first.
    let later = format!("{}/later", scene.provider.url).parse().unwrap();
    let plain_http = scene.provider.settings().plain_http;
    assert!(ProviderClient::new().unwrap().fetch(&later, &plain_http).await.unwrap_err().is_not_found());
    assert_eq!(scene.provider.asked("/.well-known/openid-configuration"), 3);
    assert_eq!(scene.fetches(), 3);
}

#[tokio::test]
async fn reader_of_a_known_key_does_not_wait_for_a_fetch_in_flight() {
    let scene = Scene::start().await;
    let gate = scene.provider.hold();
    scene.clock.advance(PAST_COOLDOWN);
    let mut waiting = Box::pin(scene.find("unknown"));
    assert_eq!(waiting.as_mut().now_or_never(), None);
    assert_eq!(scene.find("a").now_or_never(), Some(Ok(())));
    gate.add_permits(2);
    assert_eq!(waiting.await, Err(Rejection::UnknownKey));
}

#[tokio::test]
async fn rotated_key_is_found_and_the_withdrawn_key_is_unknown() {
    let scene = Scene::start().await;
    // Right after a scheduled fetch, which starts no cooldown.
    scene.provider.publish(&[&SigningKey::generate(ES, "b")]);
    scene.expect("b", Ok(())).await;
    scene.expect("a", Err(Rejection::UnknownKey)).await;
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn second_rotation_within_the_cooldown_takes_effect_after_it() {
    let scene = Scene::start().await;
    scene.provider.publish(&[&SigningKey::generate(ES, "b")]);
    scene.expect("b", Ok(())).await;
    scene.provider.publish(&[&SigningKey::generate(ES, "c")]);
    scene.expect("c", Err(Rejection::UnknownKey)).await;
    scene.clock.advance(PAST_COOLDOWN);
    scene.expect("c", Ok(())).await;
    assert_eq!(scene.fetches(), 3);
}

#[tokio::test]
async fn keys_are_refreshed_on_schedule_without_a_reader() {
    let scene = Scene::start().await;
    scene.provider.publish(&[&SigningKey::generate(ES, "b")]);
    scene.pass(PAST_REFRESH).await;
    assert_eq!(scene.find("b").now_or_never(), Some(Ok(())));
    assert_eq!(scene.fetches(), 2);
    scene.expect("a", Err(Rejection::UnknownKey)).await;
}

#[tokio::test]
async fn bad_response_keeps_the_current_keys() {
    let scene = Scene::start().await;
    let first_fetch = scene.clock.now();
    let weak = r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a"}]}"#;
    scene.pass(PAST_REFRESH).await;
    let last_good_fetch = scene.clock.now();
    assert!(last_good_fetch > first_fetch);
    for (status, body) in
        [(500, ""), (404, ""), (200, ""), (200, "<html>"), (200, "{}"), (200, r#"{"keys":[]}"#), (200, weak)]
    {
        scene.provider.answer("/jwks", status, body);
        scene.pass(PAST_REFRESH).await;
        scene.expect("a", Ok(())).await;
        let state = scene.keys.state();
        assert_eq!((state.condition, state.fetched_at), (KeySetCondition::Stale, Some(last_good_fetch)), "{body}");
        assert!(state.last_error.is_some(), "{body}");
        // The key may have been published since the last successful fetch.
        scene.expect("unknown", Err(Rejection::KeysUnavailable)).await;
    }
    scene.provider.publish(&[&scene.key]);
    scene.pass(PAST_COOLDOWN + Duration::from_secs(3)).await;
    assert_eq!(scene.condition(), KeySetCondition::Fresh);
    assert_eq!(scene.keys.state().last_error, None);
}

#[tokio::test]
async fn keys_expire_a_day_after_the_last_successful_fetch() {
    let scene = Scene::start().await;
    scene.provider.answer("/jwks", 503, "");
    scene.pass(Duration::from_secs(24 * 3_600 - 1)).await;
    scene.expect("a", Ok(())).await;
    scene.clock.advance(Duration::from_secs(1));
    scene.expect("a", Err(Rejection::KeysUnavailable)).await;
    assert_eq!(scene.condition(), KeySetCondition::Closed);

    scene.provider.publish(&[&scene.key]);
    scene.clock.advance(PAST_COOLDOWN);
    scene.expect("a", Ok(())).await;
    assert_eq!(scene.condition(), KeySetCondition::Fresh);
}

#[tokio::test]
async fn unavailable_provider_gets_one_request_per_cooldown_and_recovers() {
    let (provider, store, clock) = (ScriptedProvider::start().await, Arc::default(), clock());
    let key = SigningKey::generate(ES, "a");
    let keys = provider.key_set(&store, &clock);
    let scene = Scene { provider, store, clock, key, keys };
    assert_eq!(scene.condition(), KeySetCondition::Empty);
    for _ in 0..100 {
        scene.expect("a", Err(Rejection::KeysUnavailable)).await;
    }
    assert_eq!(scene.provider.asked("/.well-known/openid-configuration"), 1);
    assert_eq!(scene.condition(), KeySetCondition::Empty);

    scene.provider.publish(&[&scene.key]);
    scene.pass(PAST_COOLDOWN + Duration::from_secs(3)).await;
    assert_eq!(scene.find("a").now_or_never(), Some(Ok(())));
}

/// Starts with the set that `stored` returns in the store, and the provider unavailable.
async fn restart_with(stored: impl FnOnce(&SigningKey, &Clock) -> StoredKeySet) -> (Scene, Result<(), Rejection>) {
    let (provider, store, clock) = (ScriptedProvider::start().await, Arc::<MemoryStore>::default(), clock());
    let key = SigningKey::generate(ES, "a");
    store.0.lock().unwrap().insert(provider.url.clone(), stored(&key, &clock));
    let keys = provider.key_set(&store, &clock);
    let scene = Scene { provider, store, clock, key, keys };
    let outcome = scene.find("a").await;
    (scene, outcome)
}

fn stored_set(document: String, clock: &Clock, age: TimeDelta) -> StoredKeySet {
    StoredKeySet { document, fetched_at: clock.now() - age }
}

#[tokio::test]
async fn restart_during_an_outage_uses_the_stored_keys() {
    let (scene, outcome) =
        restart_with(|key, clock| stored_set(key_document(&[key]), clock, TimeDelta::hours(23))).await;
    assert_eq!(outcome, Ok(()));
    scene.expect("unknown", Err(Rejection::KeysUnavailable)).await;
    assert_eq!(scene.condition(), KeySetCondition::Stale);
    // A restart does not extend the use of the keys.
    scene.clock.advance(Duration::from_secs(3_600));
    scene.expect("a", Err(Rejection::KeysUnavailable)).await;
}

#[tokio::test]
async fn stored_set_that_is_too_old_or_malformed_is_not_used() {
    let (_, outcome) = restart_with(|key, clock| stored_set(key_document(&[key]), clock, TimeDelta::hours(24))).await;
    assert_eq!(outcome, Err(Rejection::KeysUnavailable));
    let (_, outcome) = restart_with(|_, clock| stored_set("{}".to_owned(), clock, TimeDelta::zero())).await;
    assert_eq!(outcome, Err(Rejection::KeysUnavailable));
}

#[tokio::test]
async fn stored_set_from_the_future_expires_like_one_of_now() {
    let (scene, outcome) =
        restart_with(|key, clock| stored_set(key_document(&[key]), clock, TimeDelta::hours(-1_000))).await;
    assert_eq!(outcome, Ok(()));
    scene.clock.advance(Duration::from_secs(24 * 3_600));
    scene.expect("a", Err(Rejection::KeysUnavailable)).await;
}

#[tokio::test]
async fn refresher_stops_when_the_last_clone_is_dropped() {
    let Scene { provider: _provider, store, clock: _clock, key: _key, keys } = Scene::start().await;
    let clone = keys.clone();
    drop(keys);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&store), 2);
    drop(clone);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&store), 1);
}

fn admitted(keys: &[&SigningKey]) -> Vec<Arc<VerificationKey>> {
    crate::oidc::keys::key_document::KeyDocument::parse(&key_document(keys), &Algorithm::DEFAULTS).unwrap().keys
}

#[test]
fn key_is_chosen_by_id_and_algorithm() {
    let (a, b) = (SigningKey::generate(ES, "a"), SigningKey::generate(Algorithm::EdDsa, "b"));
    let keys = admitted(&[&a, &b]);
    assert_eq!(choose(&keys, Some("b"), Algorithm::EdDsa).unwrap().key_id.as_deref(), Some("b"));
    assert_eq!(choose(&keys, Some("b"), ES).unwrap_err(), Rejection::KeyMismatch);
    assert_eq!(choose(&keys, Some("B"), Algorithm::EdDsa).unwrap_err(), Rejection::UnknownKey);
    assert_eq!(choose(&keys, Some(""), ES).unwrap_err(), Rejection::UnknownKey);
}

#[test]
fn header_without_key_id_must_match_exactly_one_key() {
    let (a, b) = (SigningKey::generate(ES, "a"), SigningKey::generate(ES, "b"));
    let c = SigningKey::generate(Algorithm::EdDsa, "c");
    assert_eq!(choose(&admitted(&[&a, &c]), None, ES).unwrap().key_id.as_deref(), Some("a"));
    assert_eq!(choose(&admitted(&[&a, &b, &c]), None, ES).unwrap_err(), Rejection::AmbiguousKey);
    assert_eq!(choose(&admitted(&[&a]), None, Algorithm::EdDsa).unwrap_err(), Rejection::UnknownKey);
}

#[test]
fn keys_with_the_same_id_are_ambiguous_unless_their_algorithms_differ() {
    let (a, twin) = (SigningKey::generate(ES, "a"), SigningKey::generate(ES, "a"));
    let other = SigningKey::generate(Algorithm::EdDsa, "a");
    assert_eq!(choose(&admitted(&[&a, &twin]), Some("a"), ES).unwrap_err(), Rejection::AmbiguousKey);
    assert_eq!(choose(&admitted(&[&a, &other]), Some("a"), ES).unwrap().algorithm, ES);
}
