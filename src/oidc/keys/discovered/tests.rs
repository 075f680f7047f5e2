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
    /// Starts a provider; attempts have the time limit `limit`.
    async fn start(limit: Duration) -> Self {
        let (provider, clock) = (ScriptedProvider::start().await, clock());
        let client = Provider::new(&provider.settings(), ProviderClient::new().unwrap());
        let endpoint = Discovered::with_limit(client, clock.clone(), introspection_endpoint, limit);
        Self { provider, clock, endpoint }
    }

    fn publish(&self, path: &str) {
        let url = &self.provider.url;
        let metadata = json!({ "issuer": url, "jwks_uri": "x", "introspection_endpoint": format!("{url}{path}") });
        self.provider.answer(METADATA, 200, &metadata.to_string());
    }

    fn requests(&self) -> usize {
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
async fn hung_provider_gets_one_request_and_fifty_callers_share_the_timeout() {
    let scene = Scene::start(Duration::from_millis(200)).await;
    let _never_released = scene.provider.hold();
    let answers = join_all((0..50).map(|_| scene.endpoint.get())).await;
    let errors: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap_err()).collect();
    assert!(errors.iter().all(|error| Arc::ptr_eq(error, errors[0])), "all callers share one failure");
    assert!(matches!(**errors[0], ProviderError::TooSlow(_)));
    assert_eq!(scene.requests(), 1);
}

#[tokio::test]
async fn failed_attempt_is_not_repeated_before_the_cooldown_ends() {
    let scene = Scene::start(FETCH_TIMEOUT).await;
    scene.provider.answer(METADATA, 500, "");
    for _ in 0..3 {
        assert!(scene.endpoint.get().await.is_err());
    }
    assert_eq!(scene.requests(), 1);
    scene.publish("/introspect");
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(scene.path().await, "/introspect");
}

#[tokio::test]
async fn cancelled_caller_does_not_cancel_the_attempt_of_the_others() {
    let scene = Scene::start(FETCH_TIMEOUT).await;
    scene.publish("/introspect");
    let gate = scene.provider.hold();
    let mut cancelled = Box::pin(scene.endpoint.get());
    assert!((&mut cancelled).now_or_never().is_none());
    drop(cancelled);
    gate.add_permits(1);
    assert_eq!(scene.path().await, "/introspect");
    assert_eq!(scene.requests(), 1);
}

#[tokio::test]
async fn moved_endpoint_is_refreshed_in_the_background_and_an_outage_keeps_the_known_one() {
    let scene = Scene::start(FETCH_TIMEOUT).await;
    scene.publish("/before");
    assert_eq!(scene.path().await, "/before");
    scene.publish("/after");
    scene.clock.advance(Duration::from_secs(599));
    assert_eq!((scene.path().await.as_str(), scene.requests()), ("/before", 1));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.path().await, "/before", "the refresh delays no caller");
    while scene.path().await != "/after" {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.requests(), 2);

    scene.provider.answer(METADATA, 500, "");
    scene.clock.advance(Duration::from_secs(600));
    for requests in 3..5 {
        assert_eq!(scene.path().await, "/after");
        while scene.requests() < requests || scene.endpoint.0.lock().in_flight.is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!((scene.path().await.as_str(), scene.requests()), ("/after", requests));
        scene.clock.advance(Duration::from_secs(5));
    }
}
