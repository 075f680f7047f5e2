//! The refusal table: credentials, tokens and keys that must be refused, each case with the rule it breaks.
//!
//! One running service gets all cases. A case also names the reason, in the service's own words, so that no case passes because an earlier
//! check refused it for another reason. Before and after the table, valid tokens of every algorithm are accepted.

mod claims;
mod field;
mod form;
mod header;
mod keys;
mod second_opinion;
mod signature;

use portcullis::dev::{Algorithm, SigningKey, TokenBuilder};
use reqwest::Method;
use serde_json::Value;

use crate::support::{Reply, TestApp, jose, log};

/// The minimal number of cases.
const CASES_AT_LEAST: usize = 100;

/// One request that must be refused.
#[derive(Clone)]
pub struct Case {
    /// The requirement and the section that states it.
    rule: String,
    sent: Sent,
    refusal: Refusal,
}

/// The position of the credential in the request.
#[derive(Clone)]
enum Sent {
    Token(String),
    Fields(Vec<(&'static str, String)>),
    Query(String),
    Form(String),
}

/// The expected response.
#[derive(Clone, Copy)]
pub struct Refusal {
    status: u16,
    problem: &'static str,
    challenge: Challenge,
    /// A part of `detail`.
    reason: &'static str,
}

#[derive(Clone, Copy)]
enum Challenge {
    Absent,
    WithoutError,
    Error(&'static str),
}

impl Refusal {
    /// 401 without an error code: there was no credential (RFC 6750 section 3.1).
    const NO_CREDENTIAL: Self = Self {
        status: 401,
        problem: "missing-token",
        challenge: Challenge::WithoutError,
        reason: "Send an access token",
    };

    /// 401: the token is not acceptable, for this reason.
    const fn of_token(reason: &'static str) -> Self {
        Self { status: 401, problem: "invalid-token", challenge: Challenge::Error("invalid_token"), reason }
    }

    /// 400: the request is malformed, for this reason.
    const fn of_request(reason: &'static str) -> Self {
        Self { status: 400, problem: "invalid-request", challenge: Challenge::Error("invalid_request"), reason }
    }
}

impl Case {
    fn token(rule: impl Into<String>, token: impl Into<String>, reason: &'static str) -> Self {
        Self { rule: rule.into(), sent: Sent::Token(token.into()), refusal: Refusal::of_token(reason) }
    }

    async fn send(&self, app: &TestApp) -> Reply {
        let me = app.request(Method::GET, "/api/v1/me");
        let request = match &self.sent {
            Sent::Token(token) => me.bearer(token),
            Sent::Fields(fields) => fields.iter().fold(me, |request, (name, value)| request.header(name, value)),
            Sent::Query(query) => app.request(Method::GET, &format!("/api/v1/me?{query}")),
            Sent::Form(form) => me.body("application/x-www-form-urlencoded", form),
        };
        request.send().await
    }

    async fn check(&self, app: &TestApp) {
        let reply = self.send(app).await;
        let rule = &self.rule;
        assert_eq!(reply.status(), self.refusal.status, "{rule}: {}", reply.text());
        assert_eq!(reply.problem(), self.refusal.problem, "{rule}");
        let error = reply.challenge_parameter("error");
        let is_challenged = match self.refusal.challenge {
            Challenge::Absent => reply.challenge().is_none(),
            Challenge::WithoutError => reply.challenge().is_some() && error.is_none(),
            Challenge::Error(code) => error.as_deref() == Some(code),
        };
        assert!(is_challenged, "{rule}: {:?}", reply.challenge());
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(self.refusal.reason), "{rule}: refused because {detail:?}");
        // The service's own address may resemble the issuer's, and is not secret.
        let answer = format!("{reply:?}").replace(app.url(), "");
        let words = self.words();
        let texts = words.iter().filter_map(|word| serde_json::from_slice(&jose::decode(word)?).ok()).flat_map(texts);
        for secret in texts.chain(words.clone()).filter(|text| is_significant(text)) {
            assert!(!answer.contains(&secret), "{rule}: the answer repeats {secret:?}");
        }
    }

    /// The pieces of the sent credential, which may not be returned or logged.
    fn words(&self) -> Vec<String> {
        let sent = match &self.sent {
            Sent::Token(text) | Sent::Query(text) | Sent::Form(text) => text.clone(),
            Sent::Fields(fields) => fields.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "),
        };
        sent.split([' ', '.', '=', ',']).map(str::to_owned).collect()
    }
}

/// Shorter words (`JWT`, `alice`) may occur in the service's own texts.
fn is_significant(text: &str) -> bool {
    text.len() >= 8
}

/// The strings of a JSON value, without member names.
fn texts(value: Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.into_iter().flat_map(texts).collect(),
        Value::Object(members) => members.into_iter().flat_map(|(_, value)| texts(value)).collect(),
        _ => Vec::new(),
    }
}

/// The material of the cases: the service's issuer, and keys of all kinds, published in addition to the issuer's.
pub struct Workshop<'a> {
    app: &'a TestApp,
    /// Published as `es256`.
    es256: SigningKey,
    /// Published as `rs256`.
    rs256: SigningKey,
    /// Published as `eddsa`.
    eddsa: SigningKey,
    /// Not published.
    foreign: SigningKey,
}

impl<'a> Workshop<'a> {
    fn new(app: &'a TestApp) -> Self {
        let key = SigningKey::generate;
        let [es256, eddsa, foreign] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es256].map(key);
        Self { app, es256, rs256: key(Algorithm::Rs256), eddsa, foreign }
    }

    /// A token that is valid apart from what a case changes.
    fn token(&self) -> TokenBuilder {
        self.app.token("bob")
    }

    /// The same, signed with our own ES256 key, so that header and payload may be any text.
    fn es256(&self) -> TokenBuilder {
        self.token().signed_by(&self.es256).kid("es256")
    }

    fn rs256(&self) -> TokenBuilder {
        self.token().signed_by(&self.rs256).kid("rs256")
    }

    fn eddsa(&self) -> TokenBuilder {
        self.token().signed_by(&self.eddsa).kid("eddsa")
    }

    /// The issuer's keys and ours, as entries of a key set.
    fn sound_keys(&self) -> Vec<String> {
        let own = self.app.idp.key_set()["keys"].as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>();
        let named = [("es256", &self.es256), ("rs256", &self.rs256), ("eddsa", &self.eddsa)];
        own.into_iter().chain(named.map(|(kid, key)| keys::named(key, kid).to_string())).collect()
    }
}

/// Publishes these keys and has the service fetch them.
async fn publish(app: &TestApp, keys: &[String]) {
    app.idp.jwks().serve(format!(r#"{{"keys":[{}]}}"#, keys.join(",")));
    app.refetch_keys().await;
}

/// The control: valid tokens are accepted. Without it, a service that refuses all tokens would pass.
async fn valid_tokens_are_accepted(workshop: &Workshop<'_>) {
    let own = Algorithm::ALL.map(|algorithm| workshop.token().algorithm(algorithm).sign());
    let ours = [workshop.es256(), workshop.rs256(), workshop.eddsa()].map(TokenBuilder::sign);
    for token in own.into_iter().chain(ours).chain(form::acceptable(workshop)).chain(claims::acceptable(workshop)) {
        let reply = workshop.app.get("/api/v1/me", &token).await;
        assert_eq!(reply.status(), 200, "{token}: {}", reply.text());
    }
    field::acceptable_fields_pass(workshop).await;
}

/// Flawed keys are published first intact, then flawed, some at a time: a key set has at most a hundred entries.
async fn flawed_keys_are_refused(workshop: &Workshop<'_>) -> Vec<Case> {
    const AT_A_TIME: usize = 40;
    let app = workshop.app;
    let mut cases = Vec::new();
    for flaws in keys::Flaw::all(workshop).chunks(AT_A_TIME) {
        publish(app, &[workshop.sound_keys(), flaws.iter().filter_map(keys::Flaw::sound_key).collect()].concat()).await;
        for flaw in flaws {
            flaw.sound_key_is_accepted(workshop).await;
        }
        publish(app, &[workshop.sound_keys(), flaws.iter().flat_map(keys::Flaw::flawed_keys).collect()].concat()).await;
        for flaw in flaws {
            let case = flaw.case(workshop);
            case.check(app).await;
            cases.push(case);
        }
    }
    cases
}

#[actix_web::test]
async fn each_case_is_refused_for_its_own_reason() {
    log::record();
    let app = TestApp::spawn().await;
    let workshop = Workshop::new(&app);
    publish(&app, &workshop.sound_keys()).await;
    valid_tokens_are_accepted(&workshop).await;

    let of_keys = flawed_keys_are_refused(&workshop).await;
    publish(&app, &workshop.sound_keys()).await;
    let cases =
        [field::cases, form::cases, header::cases, claims::cases, signature::cases].map(|group| group(&workshop));
    let cases = cases.concat();
    let fetches = app.idp.jwks().requests();
    for case in &cases {
        case.check(&app).await;
    }
    assert_eq!(app.idp.jwks().requests(), fetches, "a token caused a fetch");
    valid_tokens_are_accepted(&workshop).await;

    let cases = [of_keys, cases].concat();
    assert!(cases.len() >= CASES_AT_LEAST, "only {} cases", cases.len());
    no_credential_is_logged(&cases);
}

/// Sends every credential of the table to another service and returns the words that must not be logged.
pub async fn send_all(app: &TestApp) -> Vec<String> {
    let workshop = Workshop::new(app);
    publish(app, &workshop.sound_keys()).await;
    let groups = [field::cases, form::cases, header::cases, claims::cases, signature::cases];
    let mut words = Vec::new();
    for case in groups.map(|group| group(&workshop)).concat() {
        case.send(app).await;
        words.extend(case.words().into_iter().filter(|word| is_significant(word)));
    }
    app.idp.jwks().reset();
    words
}

/// RFC 9700 section 4.9.2, OWASP ASVS 16.2.5.
fn no_credential_is_logged(cases: &[Case]) {
    let log = log::recorded();
    for reason in ["bad-signature", "invalid-request", "missing-token"] {
        assert!(log.contains(reason), "the log lacks the reason {reason}");
    }
    for case in cases {
        for word in case.words().iter().filter(|word| is_significant(word)) {
            assert!(!log.contains(word.as_str()), "{}: the log repeats {word:?}", case.rule);
        }
    }
}
