//! Opaque tokens: the limit of concurrent introspections of each address, and the response while introspection fails.

use std::sync::{Arc, Mutex};

use futures_util::future::{join, join_all};
use portcullis::actix_web::{App, HttpResponse, HttpServer, rt, web};
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;

use crate::support::{ALL_SCOPES, AUDIENCE, Reply, TestApp};

const ME: &str = "/api/v1/me";

/// A provider with an introspection endpoint. Its response depends on the token; for those named "slow" it waits until it is released.
#[derive(Clone)]
struct Provider {
    url: String,
    received: Arc<Mutex<Vec<String>>>,
    released: Arc<watch::Sender<bool>>,
}

impl Provider {
    fn start() -> Self {
        let (received, released) = (Arc::default(), Arc::new(watch::Sender::new(false)));
        let provider = Self { url: String::new(), received, released };
        let shared = provider.clone();
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::new(shared.clone())).route("/introspect", web::post().to(introspect))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/introspect", server.addrs()[0]);
        rt::spawn(server.run());
        Self { url, ..provider }
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    async fn wait_for_requests(&self, count: usize) {
        while self.received().len() < count {
            rt::task::yield_now().await;
        }
    }
}

async fn introspect(form: web::Form<Vec<(String, String)>>, provider: web::Data<Provider>) -> HttpResponse {
    let token = form.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone()).unwrap();
    provider.received.lock().unwrap().push(token.clone());
    if token.starts_with("slow") {
        provider.released.subscribe().wait_for(|released| *released).await.unwrap();
    }
    if token.starts_with("failing") {
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::Ok().json(json!({
        "active": true, "token_type": "Bearer", "sub": "bob", "exp": 4_000_000_000_i64, "aud": AUDIENCE, "scope": ALL_SCOPES,
    }))
}

async fn spawn(provider: &Provider) -> TestApp {
    TestApp::setup()
        .var("SERVER_TRUSTED_PROXIES", "127.0.0.1")
        .var("OIDC_OPAQUE", "true")
        .var("OIDC_INTROSPECTION_URL", &provider.url)
        .var("OIDC_INTROSPECTION_CLIENT_ID", "api")
        .var("OIDC_INTROSPECTION_CLIENT_SECRET", "secret")
        .spawn()
        .await
}

async fn get_from(app: &TestApp, address: &str, token: &str) -> Reply {
    app.request(Method::GET, ME).bearer(token).header("X-Forwarded-For", address).send().await
}

#[actix_web::test]
async fn flooding_address_delays_no_other_address() {
    let provider = Provider::start();
    let app = spawn(&provider).await;
    let service = &app;
    let tokens: Vec<_> = (0..40).map(|number| format!("slow-made-up-token-{number}")).collect();
    // One network of IPv6 belongs to one customer.
    let flood = tokens
        .iter()
        .enumerate()
        .map(|(number, token)| async move { get_from(service, &format!("2001:db8:1:2::{number:x}"), token).await });
    let other = async {
        provider.wait_for_requests(8).await;
        let other = get_from(&app, "2001:db8:1:3::1", "good-token-of-another").await;
        assert_eq!(other.status(), 200, "{}", other.text());
        assert_eq!(provider.received().len(), 9, "eight of the flood and this one");
        provider.released.send_replace(true);
    };
    let (flood, ()) = join(join_all(flood), other).await;
    assert!(flood.iter().all(|reply| reply.status() == 200));
}

#[actix_web::test]
async fn failed_introspection_is_answered_503_without_a_challenge() {
    let provider = Provider::start();
    let app = spawn(&provider).await;
    let reply = get_from(&app, "192.0.2.1", "failing-opaque-token").await;
    assert_eq!((reply.status(), reply.problem().as_str()), (503, "introspection-unavailable"));
    assert_eq!((reply.header("retry-after"), reply.header("www-authenticate")), (Some("5"), None));
}
