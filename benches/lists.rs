//! The cost of a page of 1,000,000 users at any position and with any filter, over HTTP and including the verification of the token.
//!
//! `PORTCULLIS_DEV_IN_RELEASE=1 cargo bench --bench lists` prints the medians of 20 and fails if one is more than twice the first page's.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic fails the measurement")]

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use portcullis::dev::{Issuer, IssuerOptions};
use portcullis::{Application, Clock, Config};
use serde_json::Value;

/// The default number of users, which `LISTS_USERS` overrides.
const USERS: u32 = 1_000_000;
/// Longer than the measurement takes.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;
const SAMPLES: usize = 20;
const AUDIENCE: &str = "https://api.example.test";

fn main() {
    actix_web::rt::System::new().block_on(run());
}

async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lists.db");
    let api = Api::start(file.to_str().unwrap()).await;
    let filled = Instant::now();
    let users = std::env::var("LISTS_USERS").map_or(USERS, |users| users.parse().unwrap());
    fill(file.to_str().unwrap(), users);
    println!("{users} users added in {:.0?}", filled.elapsed());

    let mut rows = vec![("first page".to_owned(), api.median("").await)];
    for (name, query) in [
        ("first page, status=disabled", "status=disabled"),
        ("first page, role=auditor", "role=auditor"),
        ("first page, role=member", "role=member"),
        ("first page, q=zqabc", "q=zqabc"),
        ("first page, sort=display_name", "sort=display_name"),
        ("first page, sort=last_seen_at", "sort=last_seen_at"),
        ("first page, sort=display_name, status=disabled", "sort=display_name&status=disabled"),
    ] {
        rows.push((name.to_owned(), api.median(query).await));
        let (last, matching) = api.last_page(query).await;
        assert!(matching >= 1_000, "{query} matches only {matching}");
        rows.push((format!("{} ({matching} users)", name.replace("first", "last")), api.median(&last).await));
    }
    let (last, total) = api.last_page("").await;
    rows.insert(1, (format!("last page ({total} users)"), api.median(&last).await));
    report(&rows);
}

fn report(rows: &[(String, Duration)]) {
    let first = rows.first().unwrap().1;
    let mut is_flat = true;
    for (name, median) in rows {
        let factor = median.as_secs_f64() / first.as_secs_f64();
        is_flat &= factor <= 2.0;
        println!("{name:<62} {:>8.3} ms   × {factor:.2}", median.as_secs_f64() * 1_000.0);
    }
    assert!(is_flat, "a page costs more than twice the first");
}

/// The running service, and an administrator's token.
struct Api {
    url: String,
    client: reqwest::Client,
    token: String,
    _idp: Issuer,
}

impl Api {
    async fn start(file: &str) -> Self {
        let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
        let vars = [
            ("SERVER_BIND", "127.0.0.1:0".to_owned()),
            ("DATABASE_URL", format!("sqlite://{file}")),
            ("DATABASE_MIGRATE", "true".to_owned()),
            ("OIDC_ISSUER", idp.url().to_owned()),
            ("OIDC_AUDIENCE", AUDIENCE.to_owned()),
            ("BOOTSTRAP_ADMIN", format!("{} alice", idp.url())),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value));
        let config = Config::from_vars(vars.to_vec()).unwrap();
        let service = Application::new().start(config, Clock::system()).await.unwrap();
        let url = service.url().to_owned();
        actix_web::rt::spawn(service.wait());
        let token = idp.token().subject("alice").scope("users:read").expires_in(TOKEN_SECONDS).sign();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, client, token, _idp: idp }
    }

    async fn page(&self, query: &str) -> Value {
        let request = self.client.get(format!("{}/api/v1/users?{query}", self.url)).bearer_auth(&self.token);
        let body = request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    async fn median(&self, query: &str) -> Duration {
        let query = format!("limit=50&{query}");
        self.page(&query).await;
        let mut taken = Vec::new();
        for _ in 0..SAMPLES {
            let start = Instant::now();
            self.page(&query).await;
            taken.push(start.elapsed());
        }
        taken.sort();
        *taken.get(SAMPLES / 2).unwrap()
    }

    /// The query of the last full page, and the number of users in the list.
    async fn last_page(&self, query: &str) -> (String, usize) {
        let (mut last, mut next, mut total) = (query.to_owned(), Some(query.to_owned()), 0);
        while let Some(current) = next {
            let page = self.page(&format!("limit=200&{current}")).await;
            let shown = page["items"].as_array().unwrap().len();
            total += shown;
            if shown >= 50 {
                last = current;
            }
            next = page["next_cursor"].as_str().map(|cursor| format!("{query}&cursor={cursor}"));
        }
        (last, total)
    }
}

/// Every 500th user is disabled, every 500th is an auditor, all are members; the names have 900 distinct prefixes of five letters.
fn fill(file: &str, users: u32) {
    let mut sqlite = SqliteConnection::establish(file).unwrap();
    let numbers =
        format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {users})");
    let id = "printf('01900000-%04x-7000-8000-%012x', n / 65536, n)";
    let name = "'zq' || char(97 + n % 900 / 676, 97 + n % 900 / 26 % 26, 97 + n % 900 % 26) || ' ' || n";
    let statements = [
        "PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE".to_owned(),
        format!(
            "{numbers} INSERT INTO principals (id, kind, display_name, display_name_ci, username, email, email_state,
                provider_profile, edited_fields, status, disabled_by, origin, claim_roles, version, created_at, updated_at,
                changed_at, last_seen_at)
             SELECT {id}, 'human', {name}, {name}, 'u' || n, 'u' || n || '@example.test', 'unknown', '{{}}', '[]',
                iif(n % 500, 'active', 'disabled'), iif(n % 500, NULL, 'admin'), 'first-contact', '[]', 1,
                CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP,
                iif(n % 2, NULL, datetime('now', '-' || n || ' seconds')) FROM numbers"
        ),
        format!("{numbers} INSERT INTO principal_terms SELECT {name}, {id}, FALSE FROM numbers"),
        format!("{numbers} INSERT INTO principal_terms SELECT 'u' || n, {id}, FALSE FROM numbers"),
        format!("{numbers} INSERT INTO principal_terms SELECT 'u' || n || '@example.test', {id}, TRUE FROM numbers"),
        format!(
            "{numbers} INSERT INTO role_grants (principal_id, role, source, source_ref, granted_at)
             SELECT {id}, 'member', 'manual', '', CURRENT_TIMESTAMP FROM numbers"
        ),
        format!(
            "{numbers} INSERT INTO role_grants (principal_id, role, source, source_ref, granted_at)
             SELECT {id}, 'auditor', 'manual', '', CURRENT_TIMESTAMP FROM numbers WHERE n % 500 = 1"
        ),
        "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
    ];
    for statement in statements {
        sqlite.batch_execute(&statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}
