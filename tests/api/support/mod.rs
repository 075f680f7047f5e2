//! A real service on a free port with a fresh database, the development issuer as its provider, and a clock that the test moves.

#[path = "../../../src/database/testing.rs"]
pub mod database;
#[cfg(feature = "postgres")]
pub mod fleet;
pub mod issuers_file;
pub mod jose;
pub mod log;
pub mod program;
#[cfg(feature = "postgres")]
pub mod proxy;
pub mod raw;
mod reply;
pub mod routes;
pub mod scrape;
#[cfg(feature = "postgres")]
pub mod server;

pub use database::TestDatabase;
pub use reply::Reply;

use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use portcullis::dev::{Issuer, IssuerOptions, TokenBuilder};
use portcullis::{Application, Clock, Config, ExternalChanges, IssuerReload};
use reqwest::Method;

/// The audience of the service under test.
pub const AUDIENCE: &str = "https://api.example.test";

/// Every permission of the service as scopes: the default of tokens.
pub const ALL_SCOPES: &str = "profile:read profile:write users:read users:write identities:write roles:read roles:write \
                              roles:assign service-accounts:read service-accounts:write audit:read";

/// A running service with its provider and database.
pub struct TestApp {
    pub idp: Issuer,
    pub clock: Clock,
    pub issuers: IssuerReload,
    external_changes: ExternalChanges,
    management: Option<std::net::SocketAddr>,
    url: String,
    handle: portcullis::actix_web::dev::ServerHandle,
    client: reqwest::Client,
    database: TestDatabase,
}

/// Settings of a service before its start.
pub struct Setup {
    application: Application,
    vars: Vec<(String, String)>,
}

impl Setup {
    /// Sets an environment variable of the service.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Serves this application instead of the default one.
    pub fn application(mut self, application: Application) -> Self {
        self.application = application;
        self
    }

    /// Starts the issuer and the service. Alice is the administrator, by `BOOTSTRAP_ADMIN`.
    pub async fn spawn(self) -> TestApp {
        self.spawn_after(|_| {}).await
    }

    /// As [`spawn`](Self::spawn), after `prepare` has changed the issuer.
    pub async fn spawn_after(self, prepare: impl FnOnce(&Issuer)) -> TestApp {
        let clock = Clock::manual(start_time());
        let idp = Issuer::start(IssuerOptions { clock: clock.clone(), ..IssuerOptions::new(AUDIENCE) }).await.unwrap();
        prepare(&idp);
        self.spawn_with(idp, clock, TestDatabase::migrated()).await
    }

    /// As [`spawn`](Self::spawn), with this database and the system clock.
    #[cfg(feature = "postgres")]
    pub async fn spawn_over(self, database: TestDatabase) -> TestApp {
        let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
        self.spawn_with(idp, Clock::system(), database).await
    }

    async fn spawn_with(self, idp: Issuer, clock: Clock, database: TestDatabase) -> TestApp {
        let mut vars = vec![
            ("SERVER_BIND".to_owned(), "127.0.0.1:0".to_owned()),
            ("SERVER_MANAGEMENT_BIND".to_owned(), "off".to_owned()),
            ("RATE_LIMIT_DISABLED".to_owned(), "true".to_owned()),
            ("DATABASE_URL".to_owned(), database.url()),
            ("DATABASE_MIGRATE".to_owned(), "true".to_owned()),
            ("OIDC_ISSUER".to_owned(), idp.url().to_owned()),
            ("OIDC_AUDIENCE".to_owned(), AUDIENCE.to_owned()),
            ("BOOTSTRAP_ADMIN".to_owned(), format!("{} alice", idp.url())),
        ];
        if database.is_server() {
            // Many tests share the server's limit of connections.
            vars.push(("DATABASE_POOL_SIZE".to_owned(), "4".to_owned()));
        }
        vars.retain(|(name, _)| self.vars.iter().all(|(own, _)| own != name));
        vars.extend(self.vars);
        let config = Config::from_vars(vars).unwrap();
        let service = self.application.start(config, clock.clone()).await.unwrap();
        // The address where it listens may differ from its public URL.
        let (address, handle, issuers) = (service.address(), service.handle(), service.issuer_reload());
        let (external_changes, management) = (service.external_changes(), service.management_address());
        portcullis::actix_web::rt::spawn(service.wait());
        let url = format!("http://{address}");
        TestApp { idp, clock, issuers, external_changes, management, url, handle, client: client(), database }
    }
}

/// A client that follows no redirects and knows no proxy.
pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    // The service closes a connection that is idle for 5 seconds: a request must not be sent just then.
    builder.pool_idle_timeout(Duration::from_secs(1)).build().unwrap()
}

/// The same start time in every test, so that no test depends on the date.
pub fn start_time() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2030, 1, 2, 3, 4, 5).unwrap()
}

impl TestApp {
    /// The default settings before a start.
    pub fn setup() -> Setup {
        Setup { application: Application::new(), vars: Vec::new() }
    }

    /// Starts a service with default settings.
    pub async fn spawn() -> Self {
        Self::setup().spawn().await
    }

    /// A service whose provider fails every request.
    pub async fn with_broken_provider() -> Self {
        Self::setup()
            .spawn_after(|idp| {
                idp.discovery().fail(500);
                idp.jwks().fail(500);
            })
            .await
    }

    /// Stops the service and starts it again with the same database and provider.
    pub async fn restart(self) -> Self {
        let Self { idp, clock, handle, database, .. } = self;
        handle.stop(true).await;
        Self::setup().spawn_with(idp, clock, database).await
    }

    /// The service's URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its database.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Polls for changes by other processes, which the service does twice a second.
    pub async fn notice_external_changes(&self) {
        self.external_changes.notice().await;
    }

    /// The address of the metrics, if the test has set `SERVER_MANAGEMENT_BIND`.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.management.unwrap())
    }

    /// A builder of a valid token of `subject`, with every scope of the service.
    pub fn token(&self, subject: &str) -> TokenBuilder {
        self.idp.token().subject(subject).scope(ALL_SCOPES)
    }

    /// A builder of a valid token of the service account `client_id`, with every scope of the service.
    pub fn machine_token(&self, client_id: &str) -> TokenBuilder {
        self.idp.token().machine(client_id).scope(ALL_SCOPES)
    }

    /// A token of alice, the administrator.
    pub fn admin(&self) -> String {
        self.token("alice").sign()
    }

    /// Advances the clock of the service and its provider.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Returns once the service has fetched the keys again, with its response to the token with an unknown key that caused the fetch.
    pub async fn refetch_keys(&self) -> Reply {
        // The first fetch may still be running; a request with an unknown key waits for it.
        self.get_with_unknown_key().await;
        self.pass(31);
        let fetches = self.idp.discovery().requests();
        let reply = self.get_with_unknown_key().await;
        assert_eq!(self.idp.discovery().requests(), fetches + 1, "the cooldown is over, and one fetch is enough");
        reply
    }

    /// The response to a token that is valid, except that its key is not published.
    pub async fn get_with_unknown_key(&self) -> Reply {
        self.get("/api/v1/me", &self.token("bob").kid("unpublished").sign()).await
    }

    /// A request builder.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(&self.client, method, &format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.request(Method::GET, path).bearer(token).send().await
    }

    pub async fn get_without_token(&self, path: &str) -> Reply {
        self.request(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, token: &str, body: serde_json::Value) -> Reply {
        self.request(Method::POST, path).bearer(token).json(&body).send().await
    }

    pub async fn put(&self, path: &str, token: &str, body: serde_json::Value) -> Reply {
        self.request(Method::PUT, path).bearer(token).json(&body).send().await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.request(Method::DELETE, path).bearer(token).send().await
    }

    /// Provisions `subject` by a first request and returns the id of its principal.
    pub async fn introduce(&self, subject: &str) -> String {
        let me = self.get("/api/v1/me", &self.token(subject).sign()).await;
        assert_eq!(me.status(), 200, "{}", me.text());
        me.json()["id"].as_str().unwrap().to_owned()
    }

    /// Creates a role as alice.
    pub async fn make_role(&self, name: &str, permissions: &[&str]) {
        let request = self.request(Method::PUT, &format!("/api/v1/roles/{name}")).bearer(&self.admin());
        let body = serde_json::json!({ "summary": "Made for a test.", "permissions": permissions });
        let made = request.header("If-None-Match", "*").json(&body).send().await;
        assert_eq!(made.status(), 201, "{}", made.text());
    }

    /// Registers a service account with these roles as alice and returns the id of its principal.
    pub async fn register_machine(&self, client_id: &str, roles: &[&str]) -> String {
        let body = serde_json::json!({ "issuer": self.idp.url(), "client_id": client_id, "roles": roles });
        let account = self.post("/api/v1/service-accounts", &self.admin(), body).await;
        assert_eq!(account.status(), 201, "{}", account.text());
        account.json()["id"].as_str().unwrap().to_owned()
    }
}

/// A request builder.
pub struct Request(reqwest::RequestBuilder);

impl Request {
    pub fn new(client: &reqwest::Client, method: Method, url: &str) -> Self {
        Self(client.request(method, url))
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Adds a header field; fields of the same name are kept.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    pub fn body(self, content_type: &str, body: &str) -> Self {
        Self(self.0.header("Content-Type", content_type).body(body.to_owned()))
    }

    pub async fn send(self) -> Reply {
        self.try_send().await.unwrap()
    }

    /// As [`send`](Self::send), for a service that may have stopped.
    pub async fn try_send(self) -> reqwest::Result<Reply> {
        Reply::try_read(self.0.send().await?).await
    }
}
