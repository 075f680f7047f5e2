//! A service whose work is counted, and a provider with an introspection endpoint.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis::actix_web::dev::ServerHandle;
use portcullis::actix_web::{App, HttpResponse, HttpServer, rt, web};
use reqwest::Method;
use serde_json::json;
use tokio::sync::watch;

use crate::sessions::browser;
use crate::support::scrape::Metrics;
use crate::support::{ALL_SCOPES, AUDIENCE, Reply, Request, Setup, TestApp};

pub const ME: &str = "/api/v1/me";

/// A provider for which opaque tokens that begin with `good-` are active tokens of dave. It can be held, and it can fail.
pub struct Introspection {
    url: String,
    state: Arc<State>,
    server: ServerHandle,
}

struct State {
    questions: AtomicU64,
    status: watch::Sender<Option<u16>>,
    /// Whether every token is reported as inactive.
    revoked: watch::Sender<bool>,
    held: watch::Sender<bool>,
}

impl Introspection {
    pub fn start() -> Self {
        let (status, revoked, held) = (watch::Sender::new(None), watch::Sender::new(false), watch::Sender::new(false));
        let state = Arc::new(State { questions: AtomicU64::new(0), status, revoked, held });
        let shared = web::Data::from(Arc::clone(&state));
        let app = move || App::new().app_data(shared.clone()).route("/introspect", web::post().to(answer));
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/introspect", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        Self { url, state, server: handle }
    }

    pub fn questions(&self) -> u64 {
        self.state.questions.load(Ordering::SeqCst)
    }

    /// Answers with this status from now on; normally again after `None`.
    pub fn fail(&self, status: Option<u16>) {
        self.state.status.send_replace(status);
    }

    /// Reports every token as inactive from now on.
    pub fn revoke_all(&self) {
        self.state.revoked.send_replace(true);
    }

    /// Holds every response until it is called with `false`.
    pub fn hold(&self, is_held: bool) {
        self.state.held.send_replace(is_held);
    }
}

impl Drop for Introspection {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn answer(form: web::Form<Vec<(String, String)>>, state: web::Data<State>) -> HttpResponse {
    state.questions.fetch_add(1, Ordering::SeqCst);
    let _ = state.held.subscribe().wait_for(|held| !held).await;
    if let Some(status) = *state.status.borrow() {
        return HttpResponse::build(portcullis::actix_web::http::StatusCode::from_u16(status).unwrap()).finish();
    }
    let token = &form.iter().find(|(name, _)| name == "token").unwrap().1;
    if *state.revoked.borrow() || !token.starts_with("good-") {
        return HttpResponse::Ok().json(json!({ "active": false }));
    }
    HttpResponse::Ok().json(json!({
        "active": true, "sub": "dave", "aud": AUDIENCE, "client_id": "app", "scope": ALL_SCOPES,
        "exp": 4_000_000_000_u32, "iat": 1_893_553_445,
    }))
}

/// A service with browser sign-in that uses this provider for opaque tokens.
fn setup(provider: &Introspection) -> Setup {
    browser::setup()
        .var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0")
        .var("SERVER_TRUSTED_PROXIES", "127.0.0.0/8")
        .var("OIDC_OPAQUE", "true")
        .var("OIDC_INTROSPECTION_URL", &provider.url)
        .var("OIDC_INTROSPECTION_CLIENT_ID", "api")
        .var("OIDC_INTROSPECTION_CLIENT_SECRET", "secret")
}

/// A service with budgets.
pub struct Place {
    pub app: TestApp,
    pub provider: Introspection,
}

/// The cost of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    pub signatures: f64,
    pub transactions: f64,
    pub questions: f64,
}

impl Place {
    /// A service that accepts this many refused credentials of an address in a minute.
    pub async fn with_budget(budget: u32) -> Self {
        Self::with(budget, |setup| setup).await
    }

    pub async fn with(budget: u32, prepare: impl FnOnce(Setup) -> Setup) -> Self {
        let provider = Introspection::start();
        let setup = setup(&provider).var("RATE_LIMIT_FAILURES_PER_MINUTE", &budget.to_string());
        Self::spawn(provider, prepare(setup.var("RATE_LIMIT_DISABLED", "false"))).await
    }

    /// The same without any budget.
    pub async fn without_budget() -> Self {
        let provider = Introspection::start();
        let setup = setup(&provider);
        Self::spawn(provider, setup).await
    }

    async fn spawn(provider: Introspection, setup: Setup) -> Self {
        let app = setup.spawn().await;
        // The keys are fetched, and there is an administrator.
        app.introduce("alice").await;
        Self { app, provider }
    }

    /// The work so far: signature checks, transactions, and requests to the provider.
    pub async fn work(&self) -> Work {
        let metrics = Metrics::of(&self.app).await;
        let pools = if self.app.database().is_server() { &["all"][..] } else { &["read", "write"] };
        let transactions = |pool| metrics.value("portcullis_database_transactions_total", &[("pool", pool)]).unwrap();
        let at_token_endpoint = u32::try_from(self.app.idp.token_endpoint().requests()).unwrap();
        Work {
            signatures: metrics.value("portcullis_signature_checks_total", &[]).unwrap(),
            transactions: pools.iter().map(|pool| transactions(pool)).sum(),
            questions: f64::from(u32::try_from(self.provider.questions()).unwrap() + at_token_endpoint),
        }
    }

    pub async fn get(&self, address: &str, token: &str) -> Reply {
        from(self.app.request(Method::GET, ME).bearer(token), address).await
    }

    pub async fn get_by_cookie(&self, address: &str, cookie: &str) -> Reply {
        from(self.app.request(Method::GET, ME).header("Cookie", &format!("session={cookie}")), address).await
    }

    /// Spends the budget of an address.
    pub async fn spend(&self, address: &str) {
        while self.get(address, "no bearer token").await.status() != 429 {}
    }

    /// Performs an action on a principal as alice.
    pub async fn act(&self, path: &str) {
        let reply = self.app.post(path, &self.app.admin(), json!({})).await;
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    }

    /// Creates a principal of this name and performs this action on it.
    pub async fn create_and(&self, subject: &str, act: &str) {
        let id = self.app.introduce(subject).await;
        self.act(&format!("/api/v1/users/{id}/{act}")).await;
    }
}

impl Work {
    /// The work since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            signatures: self.signatures - before.signatures,
            transactions: self.transactions - before.transactions,
            questions: self.questions - before.questions,
        }
    }

    pub const NONE: Self = Self { signatures: 0.0, transactions: 0.0, questions: 0.0 };
}

/// Sends a request as if from this address.
pub async fn from(request: Request, address: &str) -> Reply {
    request.header("X-Forwarded-For", address).send().await
}

/// A distinct address for each number.
pub fn address(number: u8) -> String {
    Ipv4Addr::new(203, 0, 113, number).to_string()
}
