//! Several replicas over one PostgreSQL database, whose connections a test can cut, with the system clock.

use portcullis::dev::{Issuer, IssuerOptions, TokenBuilder};
use portcullis::{Application, Clock, Config};
use reqwest::Method;
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::{ALL_SCOPES, AUDIENCE, Reply, Request, TestDatabase, client};

/// Replicas that stop when this value is dropped.
pub struct Fleet {
    pub idp: Issuer,
    pub database: TestDatabase,
    pub proxy: Proxy,
    replicas: Vec<Replica>,
}

/// One running service.
#[derive(Clone)]
pub struct Replica {
    url: String,
    handle: portcullis::actix_web::dev::ServerHandle,
    client: reqwest::Client,
}

/// The connection of replicas to their database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through a proxy whose connections can be cut.
    Proxy,
    /// Through PgBouncer in transaction mode, and directly for LISTEN.
    PgBouncer,
}

/// Host and port of PgBouncer.
pub fn pooler() -> String {
    let pooler = std::env::var("PORTCULLIS_TEST_PGBOUNCER").unwrap_or_default();
    assert!(!pooler.is_empty(), "install PgBouncer; scripts/test does");
    pooler
}

impl Fleet {
    /// Needs a server: SQLite supports one machine only.
    pub async fn start(replicas: usize, way: Way, vars: &[(&str, &str)]) -> Self {
        let database = TestDatabase::migrated();
        assert!(database.is_server(), "run by scripts/with-postgres");
        let proxy = Proxy::before(&authority(&database.url()));
        let url = match way {
            Way::Proxy => elsewhere(&database.url(), &proxy.authority()),
            Way::PgBouncer => elsewhere(&database.url(), &pooler()),
        };
        let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
        let bootstrap_admin = format!("{} alice", idp.url());
        let mut settings = vec![
            ("SERVER_BIND", "127.0.0.1:0".to_owned()),
            ("DATABASE_URL", url),
            ("DATABASE_POOL_SIZE", "4".to_owned()),
            // Tests repeat refused requests until the response changes.
            ("RATE_LIMIT_DISABLED", "true".to_owned()),
            ("OIDC_ISSUER", idp.url().to_owned()),
            ("OIDC_AUDIENCE", AUDIENCE.to_owned()),
            ("BOOTSTRAP_ADMIN", bootstrap_admin),
        ];
        if way == Way::PgBouncer {
            settings.push(("DATABASE_PGBOUNCER", "true".to_owned()));
            settings.push(("DATABASE_DIRECT_URL", database.url()));
        }
        settings.extend(vars.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut started = Vec::new();
        for _ in 0..replicas {
            let config = Config::from_vars(settings.clone()).unwrap();
            let service = Application::new().start(config, Clock::system()).await.unwrap();
            let (url, handle) = (format!("http://{}", service.address()), service.handle());
            portcullis::actix_web::rt::spawn(service.wait());
            started.push(Replica { url, handle, client: client() });
        }
        Self { idp, database, proxy, replicas: started }
    }

    /// One of the replicas.
    pub fn replica(&self, number: usize) -> &Replica {
        &self.replicas[number]
    }

    pub fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// A builder of a valid token with every scope.
    pub fn token(&self, subject: &str) -> TokenBuilder {
        self.idp.token().subject(subject).scope(ALL_SCOPES)
    }

    /// A token of alice, the administrator.
    pub fn admin(&self) -> String {
        self.token("alice").sign()
    }

    /// Provisions `subject` by a first request to a replica and returns the id of its principal.
    pub async fn introduce(&self, replica: usize, subject: &str) -> String {
        let me = self.replica(replica).get("/api/v1/me", &self.token(subject).sign()).await;
        assert_eq!(me.status(), 200, "{}", me.text());
        me.json()["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for replica in &self.replicas {
            drop(replica.handle.stop(false));
        }
    }
}

impl Replica {
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(&self.client, method, &format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.request(Method::GET, path).bearer(token).send().await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.request(Method::POST, path).bearer(token).json(&body).send().await
    }

    /// Grants or revokes a role.
    pub async fn grant(&self, user: &str, role: &str, token: &str, is_granted: bool) -> Reply {
        let path = format!("/api/v1/users/{user}/roles/{role}");
        let request = self.request(if is_granted { Method::PUT } else { Method::DELETE }, &path).bearer(token);
        if is_granted { request.json(&json!({})).send().await } else { request.send().await }
    }
}

/// Host and port of an address.
pub fn authority(url: &str) -> String {
    let (_, rest) = url.split_once('@').unwrap();
    rest.split(['/', '?']).next().unwrap().to_owned()
}

/// The same address at another host and port.
pub fn elsewhere(url: &str, authority: &str) -> String {
    let (user, rest) = url.split_once('@').unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    format!("{user}@{authority}/{database}")
}
