use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::oidc::ProviderClient;
use crate::oidc::testing::{ScriptedProvider, clock};
use url::Url;

const METADATA: &str = "/.well-known/openid-configuration";

struct Scene {
    provider: ScriptedProvider,
    clock: Clock,
    endpoint: Discovered<Url>,
}

impl Scene {
    /// A provider whose attempts may take `limit`.
    async fn start(limit: Duration) -> Self {
        let (provider, clock) = (ScriptedProvider::start().await, clock());
        let asked = Provider::new(&provider.settings(), ProviderClient::new().unwrap());
        let endpoint = Discovered::with_limit(asked, clock.clone(), introspection_endpoint, limit);
        Self { provider, clock, endpoint }
    }

    fn publish(&self, path: &str) {
        let url = &self.provider.url;
        let metadata = json!({ "issuer": url, "jwks_uri": "x", "introspection_endpoint": format!("{url}{path}") });
        self.provider.answer(METADATA, 200, &metadata.to_string());
    }

    fn asked(&self) -> usize {
        self.provider.asked(METADATA)
    }

    async fn path(&self) -> String {
        self.endpoint.get().await.unwrap().path().to_owned()
    }
}

fn introspection_endpoint(provider: Arc<Provider>) -> BoxFuture<'static, Result<Url, ProviderError>> {
    async move { provider.introspection_endpoint().await }.boxed()
}

#[tokio::test]
async fn hung_provider_is_asked_once_by_fifty_callers_who_share_one_time_out() {
    let scene = Scene::start(Duration::from_millis(200)).await;
    let _never_released = scene.provider.hold();
    let answers = join_all((0..50).map(|_| scene.endpoint.get())).await;
    let errors: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap_err()).collect();
    assert!(errors.iter().all(|error| Arc::ptr_eq(error, errors[0])), "one attempt, and one failure for all");
    assert!(matches!(**errors[0], ProviderError::TooSlow(_)));
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn failed_attempt_is_not_repeated_before_the_cooldown_ends() {
    let scene = Scene::start(FETCH_TIMEOUT).await;
    scene.provider.answer(METADATA, 500, "");
    for _ in 0..3 {
        assert!(scene.endpoint.get().await.is_err());
    }
    assert_eq!(scene.asked(), 1);
    scene.publish("/introspect");
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(scene.path().await, "/introspect");
}

#[tokio::test]
async fn caller_that_goes_away_leaves_the_attempt_to_the_others() {
    let scene = Scene::start(FETCH_TIMEOUT).await;
    scene.publish("/introspect");
    let gate = scene.provider.hold();
    let mut leaving = Box::pin(scene.endpoint.get());
    assert!((&mut leaving).now_or_never().is_none());
    drop(leaving);
    gate.add_permits(1);
    assert_eq!(scene.path().await, "/introspect");
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn endpoint_that_moves_is_noticed_without_a_wait_and_an_outage_keeps_the_known_one() {
    let scene = Scene::start(FETCH_TIMEOUT).await;
    scene.publish("/before");
    assert_eq!(scene.path().await, "/before");
    scene.publish("/after");
    scene.clock.advance(Duration::from_secs(599));
    assert_eq!((scene.path().await.as_str(), scene.asked()), ("/before", 1));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.path().await, "/before", "nobody waits for the new one");
    while scene.path().await != "/after" {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.asked(), 2);

    scene.provider.answer(METADATA, 500, "");
    scene.clock.advance(Duration::from_secs(600));
    for asked in 3..5 {
        assert_eq!(scene.path().await, "/after");
        while scene.asked() < asked || scene.endpoint.0.lock().under_way.is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!((scene.path().await.as_str(), scene.asked()), ("/after", asked));
        scene.clock.advance(Duration::from_secs(5));
    }
}
