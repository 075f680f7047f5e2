//! The development issuer, over HTTP.

use std::collections::HashMap;
use std::time::Duration;

use chrono::DateTime;
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreProviderMetadata};
use openidconnect::{AccessToken, AccessTokenHash, ClientId, Nonce};
use portcullis::Clock;
use portcullis::dev::{Algorithm, Issuer, IssuerOptions, MACHINE_CLIENT, MACHINE_SECRET, SPA_CLIENT, StartError};
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, LOCATION, ORIGIN, WWW_AUTHENTICATE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

const AUDIENCE: &str = "https://api.example.test/";
const REDIRECT: &str = "http://localhost:5173/callback";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The parameters of a valid authorization request.
const AUTHORIZATION: [(&str, &str); 8] = [
    ("client_id", SPA_CLIENT),
    ("redirect_uri", REDIRECT),
    ("response_type", "code"),
    ("scope", "openid profile email profile:read"),
    ("state", "a \"state\" & more"),
    ("nonce", "a nonce"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

struct Browser {
    issuer: Issuer,
    clock: Clock,
    http: Client,
}

impl Browser {
    async fn new() -> Self {
        // A past time, so that code that reads the machine's clock fails.
        let clock = Clock::manual(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        let options = IssuerOptions { clock: clock.clone(), ..IssuerOptions::new(AUDIENCE) };
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { issuer: Issuer::start(options).await.unwrap(), clock, http }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.url())
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Response {
        let url = Url::parse_with_params(&self.url(path), parameters).unwrap();
        self.http.get(url).send().await.unwrap()
    }

    async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Response {
        let body = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = self.http.post(self.url(path)).header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send().await.unwrap()
    }

    /// Signs in through the page and returns the code.
    async fn code(&self, login: &str) -> String {
        let response = self.post("/authorize", &with(&AUTHORIZATION, "login", login)).await;
        answer_to(&response, REDIRECT).remove("code").expect("a code")
    }

    async fn redeem(&self, code: &str) -> Response {
        self.post("/token", &redemption(code)).await
    }

    async fn refresh(&self, token: &str) -> Response {
        self.post("/token", &refreshing(token)).await
    }

    async fn sign_in(&self, login: &str) -> Value {
        json(self.redeem(&self.code(login).await).await).await
    }

    async fn keys(&self) -> CoreJsonWebKeySet {
        serde_json::from_value(json(self.get("/jwks", &[]).await).await).unwrap()
    }
}

fn redemption(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", SPA_CLIENT),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

fn refreshing(token: &str) -> [(&str, &str); 3] {
    [("grant_type", "refresh_token"), ("client_id", SPA_CLIENT), ("refresh_token", token)]
}

/// The parameters with one of them replaced or added.
fn with<'a>(parameters: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut changed = without(parameters, name);
    changed.push((name, value));
    changed
}

fn without<'a>(parameters: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    parameters.iter().copied().filter(|(other, _)| *other != name).collect()
}

fn header<'a>(response: &'a Response, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The parameters of a redirect to `address`.
fn answer_to(response: &Response, address: &str) -> HashMap<String, String> {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = Url::parse(header(response, &LOCATION).unwrap()).unwrap();
    assert_eq!(location.as_str().split('?').next(), Some(address));
    location.query_pairs().into_owned().collect()
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// The status and error of a refused token request, which must not be stored.
async fn refusal(response: Response) -> (StatusCode, String) {
    assert_eq!(header(&response, &CACHE_CONTROL), Some("no-store"));
    let status = response.status();
    (status, json(response).await["error"].as_str().unwrap().to_owned())
}

fn refused(error: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_owned())
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

/// The claims of a token. Another library checks its signature against the published keys.
async fn claims(browser: &Browser, token: &str) -> Value {
    let published: jsonwebtoken::jwk::JwkSet =
        serde_json::from_value(json(browser.get("/jwks", &[]).await).await).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(published.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(header.alg);
    rules.set_audience(&[AUDIENCE]);
    rules.set_issuer(&[browser.issuer.url()]);
    // The test moves the issuer's clock.
    rules.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims
}

#[actix_web::test]
async fn discovery_is_parsed_by_openidconnect_and_names_the_endpoints() {
    let browser = Browser::new().await;
    let document = json(browser.get("/.well-known/openid-configuration", &[]).await).await;
    let metadata: CoreProviderMetadata = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(metadata.issuer().as_str(), browser.issuer.url());
    for (member, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("jwks_uri", "/jwks"),
        ("end_session_endpoint", "/logout"),
    ] {
        assert_eq!(text(&document, member), browser.url(path));
    }
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert!(document["scopes_supported"].as_array().unwrap().contains(&json!("users:read")));
    assert_eq!(document.get("userinfo_endpoint"), None);
    assert_eq!(document, browser.issuer.discovery_document());
}

#[actix_web::test]
async fn user_signs_in_on_the_page_and_the_app_gets_tokens() {
    let browser = Browser::new().await;
    let page = browser.get("/authorize", &AUTHORIZATION).await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = header(&page, &CONTENT_SECURITY_POLICY).unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.ends_with("form-action 'self' http://localhost:5173"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(page.contains("name=\"state\" value=\"a &quot;state&quot; &amp; more\""), "{page}");
    assert!(page.contains("<button name=\"login\" value=\"bob\">"), "{page}");

    let response = browser.post("/authorize", &with(&AUTHORIZATION, "login", "bob")).await;
    let answer = answer_to(&response, REDIRECT);
    assert_eq!(answer["state"], "a \"state\" & more");
    assert_eq!(answer["iss"], browser.issuer.url());

    let response = browser.redeem(&answer["code"]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, &CACHE_CONTROL), Some("no-store"));
    let tokens = json(response).await;
    assert_eq!((text(&tokens, "token_type"), &tokens["expires_in"]), ("Bearer", &json!(300)));
    assert_eq!(text(&tokens, "scope"), "openid profile email profile:read");
    let claims = claims(&browser, text(&tokens, "access_token")).await;
    for (claim, value) in [("sub", "bob"), ("client_id", SPA_CLIENT), ("name", "Bob Baker")] {
        assert_eq!(text(&claims, claim), value);
    }
}

#[actix_web::test]
async fn id_token_is_verified_by_openidconnect() {
    let browser = Browser::new().await;
    let tokens = browser.sign_in("alice").await;
    let id_token: CoreIdToken = text(&tokens, "id_token").parse().unwrap();
    let metadata: CoreProviderMetadata = serde_json::from_value(browser.issuer.discovery_document()).unwrap();
    let client = ClientId::new(SPA_CLIENT.to_owned());
    let now = browser.clock.now();
    let verifier = CoreIdTokenVerifier::new_public_client(client, metadata.issuer().clone(), browser.keys().await)
        .set_time_fn(|| now);
    let claims = id_token.claims(&verifier, &Nonce::new("a nonce".to_owned())).unwrap();
    assert_eq!(claims.subject().as_str(), "alice");
    assert_eq!(claims.email().unwrap().as_str(), "alice@example.test");
    let access_token = AccessToken::new(text(&tokens, "access_token").to_owned());
    let key = id_token.signing_key(&verifier).unwrap();
    let expected = AccessTokenHash::from_token(&access_token, id_token.signing_alg().unwrap(), key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&expected));
}

#[actix_web::test]
async fn unknown_client_or_redirect_uri_gets_a_page_and_no_redirect() {
    let browser = Browser::new().await;
    let stranger = with(&AUTHORIZATION, "client_id", "stranger");
    let elsewhere = with(&AUTHORIZATION, "redirect_uri", "https://example.com/");
    let twice = [&AUTHORIZATION[..], &[("client_id", SPA_CLIENT)]].concat();
    for parameters in [stranger, elsewhere, twice, without(&AUTHORIZATION, "redirect_uri")] {
        let by_link = browser.get("/authorize", &parameters).await;
        let by_form = browser.post("/authorize", &with(&parameters, "login", "alice")).await;
        for response in [by_link, by_form] {
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert_eq!(header(&response, &LOCATION), None);
            assert!(response.text().await.unwrap().contains("<html"));
        }
    }
}

#[actix_web::test]
async fn any_other_error_is_returned_to_the_app() {
    let browser = Browser::new().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("request", "x", "request_not_supported"),
        ("request_uri", "https://example.com", "request_uri_not_supported"),
        ("prompt", "none", "login_required"),
        ("resource", "https://other.example.test/", "invalid_target"),
        ("scope", "openid everything", "invalid_scope"),
        ("login", "mallory", "access_denied"),
    ] {
        let response = browser.post("/authorize", &with(&AUTHORIZATION, name, value)).await;
        let answer = answer_to(&response, REDIRECT);
        assert_eq!(answer["error"], error, "{name}={value}");
        assert_eq!(answer["state"], "a \"state\" & more");
        assert_eq!(answer["iss"], browser.issuer.url());
        assert!(!answer.contains_key("code"));
    }
}

#[actix_web::test]
async fn code_is_refused_unless_everything_it_is_bound_to_matches() {
    let browser = Browser::new().await;
    for (name, value, error) in [
        ("code_verifier", CHALLENGE, "invalid_grant"),
        ("redirect_uri", "http://localhost:5173/", "invalid_grant"),
        ("code", "another", "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("resource", "https://other.example.test/", "invalid_target"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "client_credentials", "unauthorized_client"),
        ("grant_type", "", "invalid_request"),
    ] {
        let code = browser.code("alice").await;
        let response = browser.post("/token", &with(&redemption(&code), name, value)).await;
        assert_eq!(refusal(response).await, refused(error), "{name}={value}");
    }
    let late = browser.code("alice").await;
    browser.clock.advance(Duration::from_secs(60));
    assert_eq!(refusal(browser.redeem(&late).await).await, refused("invalid_grant"));
}

#[actix_web::test]
async fn code_used_twice_revokes_its_refresh_token() {
    let browser = Browser::new().await;
    let code = browser.code("alice").await;
    let tokens = json(browser.redeem(&code).await).await;
    assert_eq!(refusal(browser.redeem(&code).await).await, refused("invalid_grant"));
    let response = browser.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(refusal(response).await, refused("invalid_grant"));
}

#[actix_web::test]
async fn refresh_tokens_rotate_and_reuse_revokes_them_all() {
    let browser = Browser::new().await;
    let first = browser.sign_in("alice").await;
    let second = json(browser.refresh(text(&first, "refresh_token")).await).await;
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(first["scope"], second["scope"]);
    assert_eq!(text(&claims(&browser, text(&second, "access_token")).await, "sub"), "alice");

    assert_eq!(refusal(browser.refresh(text(&first, "refresh_token")).await).await, refused("invalid_grant"));
    assert_eq!(refusal(browser.refresh(text(&second, "refresh_token")).await).await, refused("invalid_grant"));
}

#[actix_web::test]
async fn refresh_may_narrow_the_scope_but_not_widen_it() {
    let browser = Browser::new().await;
    let first = browser.sign_in("alice").await;
    let less = with(&refreshing(text(&first, "refresh_token")), "scope", "profile:read");
    let second = json(browser.post("/token", &less).await).await;
    assert_eq!(text(&claims(&browser, text(&second, "access_token")).await, "scope"), "profile:read");
    assert_eq!(second.get("id_token"), None);
    let more = with(&refreshing(text(&second, "refresh_token")), "scope", "users:write");
    assert_eq!(refusal(browser.post("/token", &more).await).await, refused("invalid_scope"));
}

#[actix_web::test]
async fn client_credentials_are_accepted_in_the_header_and_in_the_form() {
    let browser = Browser::new().await;
    let request = browser.http.post(browser.url("/token")).basic_auth(MACHINE_CLIENT, Some(MACHINE_SECRET));
    let by_header = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials&scope=users:read")
        .send()
        .await
        .unwrap();
    let parameters =
        [("grant_type", "client_credentials"), ("client_id", MACHINE_CLIENT), ("client_secret", MACHINE_SECRET)];
    let by_form = browser.post("/token", &with(&parameters, "scope", "users:read")).await;
    for response in [by_header, by_form] {
        assert_eq!(response.status(), StatusCode::OK);
        let tokens = json(response).await;
        assert_eq!((tokens.get("refresh_token"), tokens.get("id_token")), (None, None));
        let claims = claims(&browser, text(&tokens, "access_token")).await;
        for (claim, value) in [("sub", MACHINE_CLIENT), ("client_id", MACHINE_CLIENT), ("scope", "users:read")] {
            assert_eq!(text(&claims, claim), value);
        }
        assert_eq!(claims.get("name"), None);
    }
}

#[actix_web::test]
async fn unauthenticated_client_is_challenged() {
    let browser = Browser::new().await;
    let wrong = browser.http.post(browser.url("/token")).basic_auth(MACHINE_CLIENT, Some("wrong"));
    let wrong = wrong.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    let grant = ("grant_type", "client_credentials");
    for response in [
        wrong.send().await.unwrap(),
        browser.post("/token", &[grant, ("client_id", MACHINE_CLIENT), ("client_secret", "wrong")]).await,
        browser.post("/token", &[grant, ("client_id", MACHINE_CLIENT)]).await,
        browser.post("/token", &[grant, ("client_id", "stranger")]).await,
        browser.post("/token", &[grant, ("client_id", SPA_CLIENT), ("client_secret", "any")]).await,
        browser.post("/token", &[grant]).await,
    ] {
        assert!(header(&response, &WWW_AUTHENTICATE).unwrap().starts_with("Basic realm="));
        assert_eq!(refusal(response).await, (StatusCode::UNAUTHORIZED, "invalid_client".to_owned()));
    }
}

#[actix_web::test]
async fn client_authenticated_twice_or_repeated_parameter_is_refused() {
    let browser = Browser::new().await;
    for body in [
        format!("grant_type=client_credentials&client_secret={MACHINE_SECRET}"),
        format!("grant_type=client_credentials&client_id={SPA_CLIENT}"),
        "grant_type=client_credentials&scope=users:read&scope=users:write".to_owned(),
    ] {
        let request = browser.http.post(browser.url("/token")).basic_auth(MACHINE_CLIENT, Some(MACHINE_SECRET));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(body.clone()).send().await.unwrap();
        assert_eq!(refusal(response).await, refused("invalid_request"), "{body}");
    }
}

#[actix_web::test]
async fn development_token_is_issued_for_every_known_subject() {
    let browser = Browser::new().await;
    for (subject, client) in [("alice", SPA_CLIENT), ("bob", SPA_CLIENT), (MACHINE_CLIENT, MACHINE_CLIENT)] {
        let tokens = json(browser.post("/dev/token", &[("subject", subject)]).await).await;
        let claims = claims(&browser, text(&tokens, "access_token")).await;
        assert_eq!((text(&claims, "sub"), text(&claims, "client_id")), (subject, client));
    }
    let response = browser.post("/dev/token", &[("subject", "alice"), ("scope", "users:read")]).await;
    assert_eq!(text(&json(response).await, "scope"), "users:read");
    let response = browser.post("/dev/token", &[("subject", "mallory")]).await;
    assert_eq!(refusal(response).await, refused("invalid_request"));
}

#[actix_web::test]
async fn sign_out_revokes_refresh_tokens_and_redirects_back() {
    let browser = Browser::new().await;
    let alice = browser.sign_in("alice").await;
    let bob = browser.sign_in("bob").await;
    // Sign-out happens long after the ID token expired.
    browser.clock.advance(Duration::from_secs(3600));
    let parameters = [
        ("id_token_hint", text(&alice, "id_token")),
        ("client_id", SPA_CLIENT),
        ("post_logout_redirect_uri", "http://localhost:5173/"),
        ("state", "bye"),
    ];
    let response = browser.get("/logout", &parameters).await;
    assert_eq!(answer_to(&response, "http://localhost:5173/")["state"], "bye");
    assert_eq!(refusal(browser.refresh(text(&alice, "refresh_token")).await).await, refused("invalid_grant"));
    assert_eq!(browser.refresh(text(&bob, "refresh_token")).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn untrusted_sign_out_revokes_nothing_and_does_not_redirect() {
    let browser = Browser::new().await;
    let tokens = browser.sign_in("alice").await;
    let right = [("id_token_hint", text(&tokens, "id_token")), ("post_logout_redirect_uri", REDIRECT)];
    let access_token = text(&tokens, "access_token");
    let another = browser.sign_in("bob").await;
    let (signed, _) = text(&tokens, "id_token").rsplit_once('.').unwrap();
    let (_, signature) = text(&another, "id_token").rsplit_once('.').unwrap();
    let forged = format!("{signed}.{signature}");
    for parameters in [
        with(&right, "post_logout_redirect_uri", "https://example.com/"),
        with(&right, "client_id", MACHINE_CLIENT),
        with(&without(&right, "post_logout_redirect_uri"), "client_id", MACHINE_CLIENT),
        with(&right, "client_id", "stranger"),
        with(&right, "id_token_hint", &forged),
        with(&right, "id_token_hint", "e30.e30.e30"),
        with(&right, "id_token_hint", access_token),
        without(&right, "id_token_hint"),
    ] {
        let response = browser.post("/logout", &parameters).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{parameters:?}");
        assert_eq!(header(&response, &LOCATION), None);
    }
    assert_eq!(browser.refresh(text(&tokens, "refresh_token")).await.status(), StatusCode::OK);
    assert_eq!(browser.get("/logout", &[]).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn rotated_key_stays_published_until_it_is_withdrawn() {
    let browser = Browser::new().await;
    for algorithm in Algorithm::ALL {
        let before = browser.issuer.token().algorithm(algorithm).sign();
        let old = jsonwebtoken::decode_header(&before).unwrap().kid.unwrap();
        browser.issuer.rotate(algorithm);
        let after = browser.issuer.token().algorithm(algorithm).sign();
        let new = jsonwebtoken::decode_header(&after).unwrap().kid.unwrap();
        assert_ne!(old, new);
        // Both are checked against the keys published now.
        claims(&browser, &before).await;
        claims(&browser, &after).await;
        browser.issuer.withdraw_old_keys();
        let published = browser.issuer.key_set().to_string();
        assert!(!published.contains(&old) && published.contains(&new), "{algorithm:?}");
    }
}

#[actix_web::test]
async fn documents_can_be_failed_replaced_and_reset() {
    let browser = Browser::new().await;
    let jwks = browser.issuer.jwks();
    jwks.fail(503);
    assert_eq!(browser.get("/jwks", &[]).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    jwks.serve("not JSON");
    assert_eq!(browser.get("/jwks", &[]).await.text().await.unwrap(), "not JSON");
    jwks.redirect("http://localhost/elsewhere");
    assert_eq!(header(&browser.get("/jwks", &[]).await, &LOCATION), Some("http://localhost/elsewhere"));
    jwks.reset();
    assert_eq!(json(browser.get("/jwks", &[]).await).await, browser.issuer.key_set());
    assert_eq!((jwks.requests(), browser.issuer.discovery().requests()), (4, 0));
}

#[actix_web::test]
async fn held_document_waits_for_its_release() {
    let browser = Browser::new().await;
    let jwks = browser.issuer.jwks();
    jwks.hold();
    let request = actix_web::rt::spawn(browser.http.get(browser.url("/jwks")).send());
    jwks.wait_for_requests(1).await;
    assert!(!request.is_finished());
    // The response has the keys at the time of the release, not of the request.
    browser.issuer.rotate(Algorithm::EdDsa);
    jwks.release();
    assert_eq!(json(request.await.unwrap().unwrap()).await, browser.issuer.key_set());
}

#[actix_web::test]
async fn held_document_does_not_delay_the_stop() {
    let Browser { issuer, http, .. } = Browser::new().await;
    issuer.jwks().hold();
    let request = actix_web::rt::spawn(http.get(format!("{}/jwks", issuer.url())).send());
    issuer.jwks().wait_for_requests(1).await;
    issuer.stop().await;
    assert!(request.await.unwrap().is_err());
}

#[actix_web::test]
async fn only_apps_on_loopback_may_read_responses() {
    let browser = Browser::new().await;
    let allowed = async |path: &str, origin: &str| {
        let request = browser.http.get(browser.url(path)).header(ORIGIN, origin);
        header(&request.send().await.unwrap(), &ACCESS_CONTROL_ALLOW_ORIGIN).map(str::to_owned)
    };
    let app = "http://localhost:5173";
    for path in ["/jwks", "/.well-known/openid-configuration", "/token"] {
        assert_eq!(allowed(path, app).await.as_deref(), Some(app), "{path}");
        assert_eq!(allowed(path, "https://example.com").await, None, "{path}");
    }
    assert_eq!(allowed("/dev/token", app).await, None);
}

#[actix_web::test]
async fn documentation_page_passes_the_preflight_of_the_token_endpoint() {
    let browser = Browser::new().await;
    let request =
        browser.http.request(reqwest::Method::OPTIONS, browser.url("/token")).header(ORIGIN, "http://127.0.0.1:8080");
    let request = request.header("Access-Control-Request-Method", "POST");
    // The header fields that swagger-ui sends.
    let request = request.header("Access-Control-Request-Headers", "authorization,content-type,x-requested-with");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn foreign_host_name_is_refused() {
    let browser = Browser::new().await;
    for (host, status) in [("localhost", StatusCode::OK), ("rebound.example.com", StatusCode::MISDIRECTED_REQUEST)] {
        let response = browser.http.get(browser.url("/jwks")).header(HOST, host).send().await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }
}

#[actix_web::test]
async fn issuer_listens_on_loopback_only_and_frees_its_port() {
    let everywhere = IssuerOptions { bind: ([0, 0, 0, 0], 0).into(), ..IssuerOptions::new(AUDIENCE) };
    assert!(matches!(Issuer::start(everywhere).await, Err(StartError::NotLoopback(_))));

    let first = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let address = first.url().trim_start_matches("http://").parse().unwrap();
    let same = IssuerOptions { bind: address, ..IssuerOptions::new(AUDIENCE) };
    assert!(matches!(Issuer::start(same.clone()).await, Err(StartError::Listen { .. })));
    first.stop().await;
    assert_eq!(Issuer::start(same).await.unwrap().url(), format!("http://{address}"));
}
