//! `portcullis dev` as documented in the README.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::program::{Program, Service};
use crate::support::{Reply, Request, client};

/// A token as `portcullis dev token` prints it.
fn token(service: &Service, arguments: &[&str]) -> String {
    let (_, port) = service.issuer_url().rsplit_once(':').unwrap();
    let command = [&["dev", "token"], arguments, &["--issuer-port", port]].concat();
    Program::portcullis().run(&command).printed().trim_end().to_owned()
}

async fn get(service: &Service, path: &str, token: &str) -> Reply {
    Request::new(&client(), Method::GET, &format!("{}{path}", service.url())).bearer(token).send().await
}

#[actix_web::test]
async fn session_of_the_readme_works_without_any_setting() {
    let service = Program::portcullis().develop();

    let me = get(&service, "/api/v1/me", &token(&service, &["alice"])).await;
    assert_eq!((me.status(), &me.json()["display_name"]), (200, &json!("Alice Archer")));

    let member = get(&service, "/api/v1/users", &token(&service, &["bob"])).await;
    assert_eq!((member.status(), member.problem().as_str()), (403, "missing-permission"));

    let narrow = token(&service, &["reporter", "--scope", "profile:read"]);
    assert_eq!(get(&service, "/api/v1/users", &narrow).await.problem(), "insufficient-scope");

    let listed = get(&service, "/api/v1/users", &token(&service, &["reporter"])).await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
    let names: Vec<Value> =
        listed.json()["items"].as_array().unwrap().iter().map(|user| user["username"].clone()).collect();
    assert_eq!(names, [json!("alice"), json!("bob")]);
}

#[actix_web::test]
async fn alice_is_the_administrator() {
    let service = Program::portcullis().develop();
    let listed = get(&service, "/api/v1/users", &token(&service, &["alice"])).await;
    assert_eq!(listed.status(), 200, "{}", listed.text());
}
