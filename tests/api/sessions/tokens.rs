//! The tokens of a sign-in: their validation, and the roles in them.

use portcullis::dev::{Algorithm, Issuer, SESSION_CLIENT, SESSION_SECRET, SPA_CLIENT, SigningKey, TokenBuilder};
use serde_json::{Value, json};
use url::Url;

use super::browser::{Browser, KEY, parameter, setup, spawn, with};
use crate::support::issuers_file::{IssuersFile, another_issuer, block};
use crate::support::{ALL_SCOPES, TestApp};

/// A valid ID token for a sign-in that was begun.
pub fn id_token(issuer: &Issuer, page: &Url) -> TokenBuilder {
    let nonce = parameter(page, "nonce").unwrap();
    let token = issuer.token().audience(SESSION_CLIENT).without("client_id").without("scope");
    token.claim("nonce", nonce).header("typ", "JWT")
}

/// Signs in as bob at `issuer`, which returns this access token and an ID token changed by `spoil`. Returns the error code at the
/// destination, if any.
async fn sign_in(
    browser: &mut Browser<'_>,
    issuer: &Issuer,
    access_token: &str,
    spoil: impl FnOnce(TokenBuilder) -> TokenBuilder,
) -> Option<String> {
    let page = browser.begin("/auth/login?return_to=/app").await;
    let back = browser.agree(&page, "bob").await;
    let id_token = spoil(id_token(issuer, &page).subject("bob")).sign();
    let answer =
        json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": id_token });
    issuer.token_endpoint().serve(answer.to_string());
    let landed = browser.arrive(&back).await;
    issuer.token_endpoint().reset();
    assert_eq!(browser.session().is_none(), landed.query().is_some(), "{landed}");
    parameter(&landed, "error")
}

/// The id of the issuer's ES256 key.
fn key_id(issuer: &Issuer) -> String {
    let keys = issuer.key_set();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["alg"] == "ES256").unwrap();
    key["kid"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn id_token_that_does_not_match_the_sign_in_is_refused() {
    let app = spawn().await;
    let (foreign, kid) = (SigningKey::generate(Algorithm::Es256), key_id(&app.idp));
    let claimed = foreign.clone();
    type Spoil = Box<dyn FnOnce(TokenBuilder) -> TokenBuilder>;
    let spoils: [(&str, Spoil); 15] = [
        ("another nonce", Box::new(|token| token.claim("nonce", "another"))),
        ("no nonce", Box::new(|token| token.without("nonce"))),
        ("for another client", Box::new(|token| token.audience(SPA_CLIENT))),
        ("for several, without azp", Box::new(|token| token.audience(json!([SESSION_CLIENT, SPA_CLIENT])))),
        ("azp of another client", Box::new(|token| token.claim("azp", SPA_CLIENT))),
        ("another issuer's", Box::new(|token| token.issuer("https://foreign.example"))),
        ("an unpublished key", Box::new(move |token| token.signed_by(&foreign))),
        ("a foreign signature", Box::new(move |token| token.signed_by(&claimed).kid(&kid))),
        ("expired", Box::new(|token| token.expires_in(-60))),
        ("without a subject", Box::new(|token| token.without("sub"))),
        ("an access token", Box::new(|token| token.header("typ", "at+jwt"))),
        ("an access token of Amazon", Box::new(|token| token.claim("token_use", "access"))),
        ("an access token of Keycloak", Box::new(|token| token.claim("typ", "Bearer"))),
        ("a logout token", Box::new(|token| token.claim("events", json!({})))),
        ("unsigned", Box::new(|token| token.header("alg", "none"))),
    ];
    for (case, spoil) in spoils {
        let error = sign_in(&mut Browser::new(&app), &app.idp, "opaque", spoil).await;
        assert_eq!(error.as_deref(), Some("login-failed"), "{case}");
    }
    for (case, spoil) in [
        ("unchanged", Box::new(|token| token) as Spoil),
        ("an ID token of Amazon", Box::new(|token| token.claim("token_use", "id"))),
        ("an ID token of Keycloak", Box::new(|token| token.claim("typ", "ID"))),
        (
            "for several, with azp of this client",
            Box::new(|token| token.audience(json!([SESSION_CLIENT, SPA_CLIENT])).claim("azp", SESSION_CLIENT)),
        ),
    ] {
        assert_eq!(sign_in(&mut Browser::new(&app), &app.idp, "opaque", spoil).await, None, "{case}");
    }
}

#[actix_web::test]
async fn id_token_is_signed_with_an_allowed_algorithm() {
    let app = setup().var("OIDC_ALGORITHMS", "ES256").spawn().await;
    let mut browser = Browser::new(&app);
    let by = |algorithm| move |token: TokenBuilder| token.algorithm(algorithm);
    let refused = sign_in(&mut browser, &app.idp, "opaque", by(Algorithm::Rs256)).await;
    assert_eq!(refused.as_deref(), Some("login-failed"));
    assert_eq!(sign_in(&mut browser, &app.idp, "opaque", by(Algorithm::Es256)).await, None);
}

#[actix_web::test]
async fn id_token_of_another_trusted_issuer_with_the_same_key_is_refused() {
    let second = another_issuer().await;
    let file = IssuersFile::new(&block(&second, "second", ""));
    let app = setup().var("OIDC_ISSUERS_FILE", file.path().to_str().unwrap()).spawn().await;
    // Issuers of one process share their first keys, as tenants of one provider do.
    let theirs = |own: TokenBuilder| own.issuer(second.url());
    let mut browser = Browser::new(&app);
    assert_eq!(sign_in(&mut browser, &app.idp, "opaque", theirs).await.as_deref(), Some("login-failed"));
    let access_token = second.token().subject("bob").scope(ALL_SCOPES).sign();
    assert_eq!(app.get("/api/v1/me", &access_token).await.status(), 200, "access tokens of that issuer are accepted");
}

/// The permissions of this browser's session.
async fn permissions(browser: &mut Browser<'_>) -> Vec<Value> {
    let who = browser.who().await;
    assert_eq!(who.status(), 200, "{}", who.text());
    who.json()["permissions"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn access_token_adds_roles_only_for_the_same_user() {
    let app = setup().var("OIDC_ROLES_CLAIM", "roles").spawn().await;
    let of = |subject: &str| app.token(subject).claim("roles", json!(["auditor"])).sign();
    for (subject, expected) in [("bob", true), ("carol", false)] {
        let mut browser = Browser::new(&app);
        assert_eq!(sign_in(&mut browser, &app.idp, &of(subject), |token| token).await, None);
        assert_eq!(permissions(&mut browser).await.contains(&json!("audit:read")), expected, "{subject}");
        app.pass(120);
    }
}

/// The block of the issuer for browser sign-in.
fn login_block(issuer: &Issuer, name: &str, lines: &str) -> String {
    let client = format!("client_id = '{SESSION_CLIENT}'\nclient_secret = '{SESSION_SECRET}'\n{lines}");
    block(issuer, name, &client)
}

/// A service that trusts only the issuers of the file.
async fn serve(file: &IssuersFile) -> TestApp {
    let unset = ["OIDC_ISSUER", "OIDC_AUDIENCE", "BOOTSTRAP_ADMIN"].into_iter();
    let setup = unset.fold(TestApp::setup(), |setup, name| setup.var(name, ""));
    setup.var("SESSION_KEY", KEY).var("OIDC_ISSUERS_FILE", file.path().to_str().unwrap()).spawn().await
}

#[actix_web::test]
async fn requirements_of_access_tokens_apply_to_sign_ins() {
    let issuer = another_issuer().await;
    let lines = "[[issuer.required]]\nwhen = \"claims.department == 'it'\"\nmessage = 'Only for IT.'";
    let app = serve(&IssuersFile::new(&login_block(&issuer, "only", lines))).await;
    let mut browser = Browser::new(&app);
    let of = |department: &str| issuer.token().subject("bob").scope(ALL_SCOPES).claim("department", department).sign();
    let in_department = |department| move |token: TokenBuilder| token.claim("department", department);
    // An access token for this service decides; without one the ID token does.
    for (access_token, department, is_accepted) in
        [("opaque", "it", true), ("opaque", "sales", false), (&*of("it"), "it", true), (&*of("sales"), "it", false)]
    {
        let error = sign_in(&mut browser.copy(), &issuer, access_token, in_department(department)).await;
        assert_eq!(error.as_deref(), (!is_accepted).then_some("requirement-unmet"), "{department} {access_token}");
    }
    assert_eq!(sign_in(&mut browser, &issuer, "opaque", |token| token).await.as_deref(), Some("requirement-unmet"));
}

#[actix_web::test]
async fn sign_ins_and_sessions_end_when_the_login_issuer_changes() {
    let (before, after) = (another_issuer().await, another_issuer().await);
    let file = IssuersFile::new(&login_block(&before, "before", ""));
    let app = serve(&file).await;
    let (mut signed_in, mut pending) = (Browser::new(&app), Browser::new(&app));
    signed_in.sign_in("bob").await;
    assert_eq!(signed_in.who().await.status(), 200);
    let page = pending.begin("/auth/login?return_to=/app").await;
    let back = pending.agree(&page, "bob").await;

    file.write(&(block(&before, "before", "") + &login_block(&after, "after", "")));
    app.issuers.reload().unwrap();
    assert_eq!(signed_in.who().await.problem(), "session-ended");
    // Refused with the old issuer and with the new one: a code is sent only to the issuer that issued it.
    for issuer in [before.url(), after.url()] {
        let mut copy = pending.copy();
        assert_eq!(copy.arrive(&with(&back, "iss", Some(issuer))).await.query(), Some("error=login-failed"));
    }
    assert_eq!(after.token_endpoint().requests(), 0);
}
