use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::oidc::StoredKeySet;
use crate::oidc::testing::{MemoryStore, ScriptedProvider, SigningKey, clock, key_document};

const ES: Algorithm = Algorithm::Es256;
const PAST_COOLDOWN: Duration = Duration::from_secs(31);
const PAST_REFRESH: Duration = Duration::from_secs(661);

/// A provider that publishes the key `a`, and the key set that reads it.
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

    /// Lets `time` pass, and waits for the attempt that this causes.
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
async fn keys_are_fetched_at_once_and_kept_for_the_next_start() {
    let scene = Scene::start().await;
    let now = scene.clock.now();
    let (condition, fetched_at) = (KeySetCondition::Fresh, Some(now));
    let state = KeySetState { condition, fetched_at, last_error: None, attempts: 1, failures: 0 };
    assert_eq!(scene.keys.state(), state);
    let kept = scene.store.0.lock().unwrap().get(&scene.provider.url).cloned();
    assert_eq!(kept, Some(StoredKeySet { document: key_document(&[&scene.key]), fetched_at: now }));
}

#[tokio::test]
async fn unknown_key_ids_cost_one_fetch_in_each_cooldown_however_many_they_are() {
    let scene = Scene::start().await;
    for number in 0..500 {
        scene.expect(&format!("unknown-{number}"), Err(Rejection::UnknownKey)).await;
    }
    // The one at the start, and the one that they caused.
    assert_eq!(scene.fetches(), 2);
    scene.clock.advance(PAST_COOLDOWN);
    let ids: Vec<_> = (500..1_000).map(|number| format!("unknown-{number}")).collect();
    let outcomes = join_all(ids.iter().map(|id| scene.find(id))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(Rejection::UnknownKey)));
    // Whatever the refresher had begun by now would be served before this.
    let later = format!("{}/later", scene.provider.url).parse().unwrap();
    let plain_http = scene.provider.settings().plain_http;
    assert!(ProviderClient::new().unwrap().fetch(&later, &plain_http).await.unwrap_err().is_not_found());
    assert_eq!(scene.provider.asked("/.well-known/openid-configuration"), 3);
    assert_eq!(scene.fetches(), 3);
}

#[tokio::test]
async fn holders_of_known_keys_do_not_wait_for_a_fetch_in_flight() {
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
async fn a_rotated_key_is_found_and_the_withdrawn_one_is_gone() {
    let scene = Scene::start().await;
    // Right after a scheduled fetch: that one does not make a rotation wait.
    scene.provider.publish(&[&SigningKey::generate(ES, "b")]);
    scene.expect("b", Ok(())).await;
    scene.expect("a", Err(Rejection::UnknownKey)).await;
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn a_second_rotation_within_the_cooldown_is_seen_after_it() {
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
async fn keys_are_refreshed_before_anybody_asks() {
    let scene = Scene::start().await;
    scene.provider.publish(&[&SigningKey::generate(ES, "b")]);
    scene.pass(PAST_REFRESH).await;
    assert_eq!(scene.find("b").now_or_never(), Some(Ok(())));
    assert_eq!(scene.fetches(), 2);
    scene.expect("a", Err(Rejection::UnknownKey)).await;
}

#[tokio::test]
async fn no_bad_answer_evicts_good_keys() {
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
        // The key may have been published where we could not see it.
        scene.expect("unknown", Err(Rejection::KeysUnavailable)).await;
    }
    scene.provider.publish(&[&scene.key]);
    scene.pass(PAST_COOLDOWN + Duration::from_secs(3)).await;
    assert_eq!(scene.condition(), KeySetCondition::Fresh);
    assert_eq!(scene.keys.state().last_error, None);
}

#[tokio::test]
async fn keys_are_not_used_past_a_day_without_a_good_fetch() {
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
async fn a_provider_that_is_down_is_asked_once_per_cooldown_and_found_when_it_is_back() {
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

/// A start with `kept` in the store and the provider out of reach.
async fn restart_with(kept: impl FnOnce(&SigningKey, &Clock) -> StoredKeySet) -> (Scene, Result<(), Rejection>) {
    let (provider, store, clock) = (ScriptedProvider::start().await, Arc::<MemoryStore>::default(), clock());
    let key = SigningKey::generate(ES, "a");
    store.0.lock().unwrap().insert(provider.url.clone(), kept(&key, &clock));
    let keys = provider.key_set(&store, &clock);
    let scene = Scene { provider, store, clock, key, keys };
    let outcome = scene.find("a").await;
    (scene, outcome)
}

fn kept(document: String, clock: &Clock, age: TimeDelta) -> StoredKeySet {
    StoredKeySet { document, fetched_at: clock.now() - age }
}

#[tokio::test]
async fn a_restart_during_an_outage_still_verifies() {
    let (scene, outcome) = restart_with(|key, clock| kept(key_document(&[key]), clock, TimeDelta::hours(23))).await;
    assert_eq!(outcome, Ok(()));
    scene.expect("unknown", Err(Rejection::KeysUnavailable)).await;
    assert_eq!(scene.condition(), KeySetCondition::Stale);
    // A restart does not lengthen the life of the keys.
    scene.clock.advance(Duration::from_secs(3_600));
    scene.expect("a", Err(Rejection::KeysUnavailable)).await;
}

#[tokio::test]
async fn a_kept_set_is_judged_like_any_other() {
    let (_, outcome) = restart_with(|key, clock| kept(key_document(&[key]), clock, TimeDelta::hours(24))).await;
    assert_eq!(outcome, Err(Rejection::KeysUnavailable));
    let (_, outcome) = restart_with(|_, clock| kept("{}".to_owned(), clock, TimeDelta::zero())).await;
    assert_eq!(outcome, Err(Rejection::KeysUnavailable));
}

#[tokio::test]
async fn a_kept_set_from_the_future_gains_no_life_by_it() {
    let (scene, outcome) = restart_with(|key, clock| kept(key_document(&[key]), clock, TimeDelta::hours(-1_000))).await;
    assert_eq!(outcome, Ok(()));
    scene.clock.advance(Duration::from_secs(24 * 3_600));
    scene.expect("a", Err(Rejection::KeysUnavailable)).await;
}

#[tokio::test]
async fn fetching_ends_with_the_last_clone() {
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
    super::super::key_document::KeyDocument::parse(&key_document(keys), &Algorithm::DEFAULTS).unwrap().keys
}

#[test]
fn the_key_that_fits_is_chosen_by_id_and_algorithm() {
    let (a, b) = (SigningKey::generate(ES, "a"), SigningKey::generate(Algorithm::EdDsa, "b"));
    let keys = admitted(&[&a, &b]);
    assert_eq!(choose(&keys, Some("b"), Algorithm::EdDsa).unwrap().key_id.as_deref(), Some("b"));
    assert_eq!(choose(&keys, Some("b"), ES).unwrap_err(), Rejection::KeyMismatch);
    assert_eq!(choose(&keys, Some("B"), Algorithm::EdDsa).unwrap_err(), Rejection::UnknownKey);
    assert_eq!(choose(&keys, Some(""), ES).unwrap_err(), Rejection::UnknownKey);
}

#[test]
fn without_an_id_exactly_one_key_must_fit() {
    let (a, b) = (SigningKey::generate(ES, "a"), SigningKey::generate(ES, "b"));
    let c = SigningKey::generate(Algorithm::EdDsa, "c");
    assert_eq!(choose(&admitted(&[&a, &c]), None, ES).unwrap().key_id.as_deref(), Some("a"));
    assert_eq!(choose(&admitted(&[&a, &b, &c]), None, ES).unwrap_err(), Rejection::AmbiguousKey);
    assert_eq!(choose(&admitted(&[&a]), None, Algorithm::EdDsa).unwrap_err(), Rejection::UnknownKey);
}

#[test]
fn two_keys_of_one_id_are_ambiguous_unless_the_algorithm_tells_them_apart() {
    let (a, twin) = (SigningKey::generate(ES, "a"), SigningKey::generate(ES, "a"));
    let other = SigningKey::generate(Algorithm::EdDsa, "a");
    assert_eq!(choose(&admitted(&[&a, &twin]), Some("a"), ES).unwrap_err(), Rejection::AmbiguousKey);
    assert_eq!(choose(&admitted(&[&a, &other]), Some("a"), ES).unwrap().algorithm, ES);
}
