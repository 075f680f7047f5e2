//! A service whose work can be counted, and a provider that it can ask about opaque tokens.

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

/// A provider that knows opaque tokens that begin with `good-`: dave's. It can be held and can fail.
pub struct Introspection {
    url: String,
    state: Arc<State>,
    server: ServerHandle,
}

struct State {
    questions: AtomicU64,
    status: watch::Sender<Option<u16>>,
    /// Of what the provider knows; absent where it says that no token is active.
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

    /// Answers this status from now on; as ever with `None`.
    pub fn fail(&self, status: Option<u16>) {
        self.state.status.send_replace(status);
    }

    /// Says of every token from now on that it is not active.
    pub fn revoke_all(&self) {
        self.state.revoked.send_replace(true);
    }

    /// Keeps whoever asks waiting until it is told otherwise.
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

/// A service at which people sign in, and which asks this provider about opaque tokens.
fn setup(provider: &Introspection) -> Setup {
    browser::setup()
        .var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0")
        .var("SERVER_TRUSTED_PROXIES", "127.0.0.0/8")
        .var("OIDC_OPAQUE", "true")
        .var("OIDC_INTROSPECTION_URL", &provider.url)
        .var("OIDC_INTROSPECTION_CLIENT_ID", "api")
        .var("OIDC_INTROSPECTION_CLIENT_SECRET", "secret")
}

/// The service, with budgets.
pub struct Place {
    pub app: TestApp,
    pub provider: Introspection,
}

/// What requests have cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    pub signatures: f64,
    pub transactions: f64,
    pub questions: f64,
}

impl Place {
    /// A service at which an address may send so many refused credentials a minute.
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
        // The keys are there, and there is an administrator.
        app.introduce("alice").await;
        Self { app, provider }
    }

    /// What has been done so far: for a token, in the database, and at the provider.
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

    /// Does something as alice to a principal.
    pub async fn act(&self, path: &str) {
        let reply = self.app.post(path, &self.app.admin(), json!({})).await;
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    }

    /// Makes a principal of this name, and does that to it.
    pub async fn shut_out(&self, subject: &str, act: &str) {
        let id = self.app.introduce(subject).await;
        self.act(&format!("/api/v1/users/{id}/{act}")).await;
    }
}

impl Work {
    /// What was done since then.
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

/// An address of its own for each number.
pub fn address(number: u8) -> String {
    Ipv4Addr::new(203, 0, 113, number).to_string()
}
