//! `examples/notes.rs`, run as its team would run it: a separate service on the library.

use portcullis::dev::{Issuer, IssuerOptions, TokenBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::program::{Program, Service};
use crate::support::{AUDIENCE, Reply, Request, TestDatabase, client};

const SCOPES: &str = "notes:read notes:write";

struct Notes {
    idp: Issuer,
    service: Service,
    // Dropped after the service that uses it.
    _database: TestDatabase,
    client: reqwest::Client,
}

impl Notes {
    async fn start() -> Self {
        let api_scopes = SCOPES.split(' ').map(str::to_owned).collect();
        let idp = Issuer::start(IssuerOptions { api_scopes, ..IssuerOptions::new(AUDIENCE) }).await.unwrap();
        let database = TestDatabase::empty();
        let service = Program::example("notes").var("DATABASE_URL", &database.url()).trusting(&idp).serve();
        Self { idp, service, _database: database, client: client() }
    }

    fn token(&self, subject: &str) -> TokenBuilder {
        self.idp.token().subject(subject)
    }

    fn request(&self, method: Method) -> Request {
        Request::new(&self.client, method, &format!("{}/api/v1/notes", self.service.url()))
    }

    async fn list(&self, token: &str) -> Reply {
        self.request(Method::GET).bearer(token).send().await
    }

    async fn write(&self, token: &str, text: &str) -> Reply {
        self.request(Method::POST).bearer(token).json(&json!({ "text": text })).send().await
    }
}

fn texts(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let notes = reply.json();
    notes.as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn each_user_sees_only_their_own_notes() {
    let notes = Notes::start().await;
    let (alice, bob) = (notes.token("alice").sign(), notes.token("bob").sign());
    let written = notes.write(&alice, "Buy milk").await;
    assert_eq!((written.status(), &written.json()["text"]), (201, &json!("Buy milk")));
    assert_eq!(notes.write(&alice, "Buy bread").await.status(), 201);
    assert_eq!(notes.write(&bob, "Sell milk").await.status(), 201);
    assert_eq!(texts(&notes.list(&alice).await), ["Buy bread", "Buy milk"]);
    assert_eq!(texts(&notes.list(&bob).await), ["Sell milk"]);
    assert!(texts(&notes.list(&notes.token("carol").sign()).await).is_empty());
}

#[actix_web::test]
async fn routes_of_the_example_require_its_permissions() {
    let notes = Notes::start().await;
    assert_eq!(notes.request(Method::GET).send().await.problem(), "missing-token");
    let reader = notes.token("alice").scope("notes:read").sign();
    assert!(texts(&notes.list(&reader).await).is_empty());
    let refused = notes.write(&reader, "Buy milk").await;
    assert_eq!((refused.status(), refused.problem().as_str()), (403, "insufficient-scope"));
    assert_eq!(refused.challenge_parameter("scope").as_deref(), Some("notes:write"));
    assert!(texts(&notes.list(&reader).await).is_empty());
}

#[actix_web::test]
async fn overlong_or_malformed_note_is_refused_with_a_problem() {
    let notes = Notes::start().await;
    let alice = notes.token("alice").sign();
    assert_eq!(notes.write(&alice, &"é".repeat(10_000)).await.status(), 201);
    let too_long = notes.write(&alice, &"é".repeat(10_001)).await;
    assert_eq!((too_long.status(), too_long.problem().as_str()), (400, "invalid-body"));
    assert!(too_long.json()["detail"].as_str().unwrap().contains("`text`"), "{}", too_long.text());
    let body = json!({ "text": "Buy milk", "owner": "bob" });
    let foreign = notes.request(Method::POST).bearer(&alice).json(&body).send().await;
    assert_eq!(foreign.problem(), "invalid-body");
    assert_eq!(texts(&notes.list(&alice).await).len(), 1);
}

#[actix_web::test]
async fn routes_of_the_example_are_in_table_document_and_metadata() {
    let table = Program::example("notes").run(&["routes"]).printed().to_owned();
    let has = |row: [&str; 3]| table.lines().any(|line| line.split_whitespace().eq(row));
    assert!(has(["GET", "/api/v1/notes", "notes:read"]), "{table}");
    assert!(has(["POST", "/api/v1/notes", "notes:write"]), "{table}");
    assert!(has(["GET", "/api/v1/me", "profile:read"]), "{table}");

    let document: Value = serde_json::from_str(Program::example("notes").run(&["openapi"]).printed()).unwrap();
    assert_eq!(document["paths"]["/api/v1/notes"]["post"]["security"], json!([{ "bearer": ["notes:write"] }]));

    let notes = Notes::start().await;
    let url = format!("{}/.well-known/oauth-protected-resource", notes.service.url());
    let metadata = Request::new(&notes.client, Method::GET, &url).send().await.json();
    let scopes = metadata["scopes_supported"].as_array().unwrap();
    assert!(scopes.contains(&json!("notes:read")) && scopes.contains(&json!("notes:write")), "{scopes:?}");
}
