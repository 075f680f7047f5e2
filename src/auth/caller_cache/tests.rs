//! Every row of the table at the head of the module: what ends an entry, as seen by the guard.

use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::test::TestRequest;
use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::key::HASHED;
use super::*;
use crate::auth::access::Access;
use crate::auth::caller::Caller;
use crate::auth::guard::{Authenticator, CacheLookup};
use crate::database::testing::TestDatabase;
use crate::database::{Database, Invalidates, InvalidationKey};
use crate::error::Error;
use crate::jose::Algorithm;
use crate::limits::TrustedProxies;
use crate::limits::rate_limit::RateLimits;
use crate::models::permission::{DeclaredPermissions, USERS_WRITE};
use crate::models::{IdentityKey, PrincipalId};
use crate::oidc::IssuerSettings;
use crate::oidc::testing::NOW;
use crate::oidc::verification::verifier::tests::Scene;
use crate::services::{Actor, PrincipalService, UserService};

/// A guard over a database and an issuer, with one clock.
struct Service {
    scene: Scene,
    guard: Authenticator,
    users: UserService,
    database: Database,
    _test_database: TestDatabase,
}

/// What the cache holds for a token.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Token,
    Admitted,
    Refused,
}

impl Service {
    async fn start() -> Self {
        Self::with(None, None).await
    }

    /// `BOOTSTRAP_ADMIN` names this subject. Each principal may send `quota` requests a minute.
    async fn with(bootstrap_admin: Option<&str>, quota: Option<u32>) -> Self {
        let (scene, (_test_database, database)) = (Scene::start().await, Database::temporary());
        let clock = scene.clock.clone();
        let permissions = Arc::new(DeclaredPermissions::new([]).unwrap());
        let admin = bootstrap_admin.map(|subject| IdentityKey::human(&*scene.provider.url, subject));
        let principals = PrincipalService::new(database.clone(), clock.clone(), permissions.clone(), admin)
            .stale_for(TimeDelta::seconds(20));
        let users = UserService::new(database.clone(), clock.clone(), permissions, vec![scene.provider.url.clone()]);
        let proxies = Arc::new(TrustedProxies::new(Vec::new()));
        let limits = RateLimits::new(None, quota.and_then(NonZeroU32::new), proxies, &clock);
        let guard = Authenticator::new(clock, scene.another_verifier(), principals, None, web::Data::new(limits));
        Self { scene, guard, users, database, _test_database }
    }

    /// Claims that stay valid for some hours.
    fn claims(&self, subject: &str) -> Value {
        let mut claims = self.scene.claims_with("exp", json!(NOW + 200_000));
        claims["sub"] = subject.into();
        claims
    }

    async fn get(&self, token: &str) -> Result<Caller, Error> {
        let request = request(token);
        match self.guard.try_cached(Access::Authenticated, &request) {
            CacheLookup::Decided(decision) => decision,
            CacheLookup::Undecided(known) => self.guard.authenticate(Access::Authenticated, &request, known).await,
        }
    }

    /// A token whose principal is cached with it.
    async fn cached(&self, claims: &Value) -> String {
        let token = self.scene.token(claims);
        // The first request waits for the keys, and creates the principal.
        for _ in 0..2 {
            self.get(&token).await.unwrap();
        }
        assert_eq!(self.held(&token), Held::Admitted);
        token
    }

    fn held(&self, token: &str) -> Held {
        self.held_at(token, Need::Ordinary, self.now())
    }

    fn held_at(&self, token: &str, need: Need, now: DateTime<Utc>) -> Held {
        let Some(cached) = self.guard.callers().find(token.as_bytes(), now.timestamp_micros()) else {
            return Held::Nothing;
        };
        match cached.into_parts(need, now.timestamp_micros()).1 {
            None => Held::Token,
            Some(Resolution { outcome: Ok(()), .. }) => Held::Admitted,
            Some(Resolution { outcome: Err(_), .. }) => Held::Refused,
        }
    }

    async fn id_of(&self, token: &str) -> PrincipalId {
        *self.get(token).await.unwrap().principal_id()
    }

    fn now(&self) -> DateTime<Utc> {
        self.scene.clock.now()
    }

    fn pass(&self, seconds: u64) {
        self.scene.clock.advance(Duration::from_secs(seconds));
    }
}

fn request(token: &str) -> ServiceRequest {
    TestRequest::default().insert_header((AUTHORIZATION, format!("Bearer {token}"))).to_srv_request()
}

fn is_unauthorized(answer: Result<Caller, Error>) -> bool {
    matches!(answer, Err(Error::Token(_)))
}

#[actix_web::test]
async fn entry_ends_when_the_key_is_withdrawn() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    service.scene.refetch().await;
    assert_eq!(service.held(&token), Held::Admitted, "the same keys were published again");
    service.scene.provider.publish(&[service.scene.key(Algorithm::Rs256)]);
    service.scene.refetch().await;
    assert_eq!(service.held(&token), Held::Nothing);
    assert!(is_unauthorized(service.get(&token).await));
}

#[actix_web::test]
async fn entry_ends_when_the_keys_are_too_old() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    service.scene.provider.answer("/jwks", 500, "");
    service.pass(24 * 3_600 - 60);
    assert_eq!(service.held(&token), Held::Token);
    service.pass(60);
    assert_eq!(service.held(&token), Held::Nothing);
    assert!(service.get(&token).await.is_err());
}

#[actix_web::test]
async fn entry_ends_when_the_issuer_is_reloaded_or_dropped() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    let settings = || service.scene.provider.settings();
    service.scene.trust(IssuerSettings { audiences: vec!["another".to_owned()], ..settings() });
    assert_eq!(service.held(&token), Held::Nothing);
    assert!(is_unauthorized(service.get(&token).await));
    service.scene.trust(settings());
    let token = service.cached(&service.claims("alice")).await;
    service.scene.trust_no_issuer();
    assert_eq!(service.held(&token), Held::Nothing);
    assert!(is_unauthorized(service.get(&token).await));
}

#[actix_web::test]
async fn entry_ends_with_the_token_and_is_not_used_before_it() {
    let service = Service::start().await;
    let mut claims = service.claims("alice");
    (claims["exp"], claims["nbf"]) = (json!(NOW + 20), json!(NOW));
    let token = service.cached(&claims).await;
    let at = |seconds| service.held_at(&token, Need::Ordinary, service.now() + TimeDelta::seconds(seconds));
    assert_eq!((at(-31), at(-30)), (Held::Nothing, Held::Token));
    assert_eq!((at(49), at(50)), (Held::Admitted, Held::Nothing));
    service.pass(50);
    assert!(is_unauthorized(service.get(&token).await));
}

#[actix_web::test]
async fn principal_of_an_entry_ends_with_a_change_and_its_refusal_too() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    let (by, id) = (Actor::command_line(), service.id_of(&token).await);
    service.users.disable(&by, id, None, None).await.unwrap();
    assert_eq!(service.held(&token), Held::Token);
    for _ in 0..2 {
        assert!(matches!(service.get(&token).await, Err(Error::Refused(Failure::PrincipalDisabled))));
    }
    assert_eq!(service.held(&token), Held::Refused);
    service.users.enable(&by, id, None).await.unwrap();
    assert_eq!(service.held(&token), Held::Token);
    // What was issued before stays revoked.
    assert!(service.get(&token).await.is_err() && service.get(&token).await.is_err());
    assert_eq!(service.held(&token), Held::Refused);
    service.pass(60);
    assert_eq!(service.held(&token), Held::Token, "a refusal ages as well");
    let other = service.cached(&service.claims("bob")).await;
    service.database.invalidations().note(Invalidates::Everything);
    assert_eq!(service.held(&other), Held::Token);
}

#[actix_web::test]
async fn change_of_another_principal_ends_only_the_entry_of_the_bootstrap_admin() {
    let service = Service::with(Some("root"), None).await;
    let (root, alice) = (service.claims("root"), service.claims("alice"));
    let alice = service.cached(&alice).await;
    let root = service.cached(&root).await;
    let key = InvalidationKey::of(&service.id_of(&alice).await);
    let other = (0..).map(|id: u8| InvalidationKey::of(&id)).find(|other| *other != key).unwrap();
    service.database.invalidations().note(Invalidates::One(other));
    assert_eq!((service.held(&root), service.held(&alice)), (Held::Token, Held::Admitted));
}

#[actix_web::test]
async fn principal_of_an_entry_ends_with_a_grant() {
    let service = Service::start().await;
    let mut token = service.cached(&service.claims("alice")).await;
    let (by, id) = (Actor::command_line(), service.id_of(&token).await);
    let end = Some(service.now() + TimeDelta::seconds(30));
    service.users.grant_role(&by, id, "user-manager", end, None).await.unwrap();
    token = service.cached(&service.claims("alice")).await;
    service.pass(29);
    assert_eq!(service.held(&token), Held::Admitted);
    service.pass(1);
    assert_eq!(service.held(&token), Held::Token);
}

#[actix_web::test]
async fn principal_of_an_entry_is_read_again_after_a_minute_and_when_the_clock_is_set_back() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    assert_eq!(service.held_at(&token, Need::Ordinary, service.now() - TimeDelta::seconds(1)), Held::Token);
    service.pass(59);
    assert_eq!(service.held(&token), Held::Admitted);
    service.pass(1);
    assert_eq!(service.held(&token), Held::Token);
    service.get(&token).await.unwrap();
    assert_eq!(service.held(&token), Held::Admitted);
}

#[actix_web::test]
async fn stale_principal_of_an_entry_is_used_for_ordinary_needs_within_the_bound() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    let held = |need| service.held_at(&token, need, service.now());
    service.database.change_feed().succeed(service.now());
    assert_eq!((held(Need::Ordinary), held(Need::Administrative)), (Held::Admitted, Held::Admitted));
    service.database.change_feed().fail();
    assert_eq!((held(Need::Ordinary), held(Need::Administrative)), (Held::Admitted, Held::Token));
    let lookup = |access| service.guard.try_cached(access, &request(&token));
    assert!(matches!(lookup(Access::Authenticated), CacheLookup::Decided(Ok(_))));
    assert!(
        matches!(lookup(Access::Requires(USERS_WRITE)), CacheLookup::Undecided(Some(_))),
        "the guard asks for the need"
    );
    service.pass(19);
    assert_eq!(held(Need::Ordinary), Held::Admitted);
    service.pass(1);
    assert_eq!(held(Need::Ordinary), Held::Token);
}

#[actix_web::test]
async fn request_of_a_cached_caller_is_recorded_once_an_hour() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    let last_seen = async || service.get(&token).await.unwrap().principal().principal().last_seen_at.unwrap().utc();
    let first = last_seen().await;
    service.pass(3_570);
    assert_eq!(last_seen().await, first);
    assert_eq!(service.held(&token), Held::Admitted);
    service.pass(29);
    assert_eq!(service.held(&token), Held::Admitted);
    service.pass(1);
    assert_eq!(service.held(&token), Held::Token);
    assert_eq!(last_seen().await, service.now());
}

#[actix_web::test]
async fn token_that_may_change_its_principal_is_resolved_for_each_request() {
    let service = Service::start().await;
    let mut claims = service.claims("alice");
    claims.as_object_mut().unwrap().remove("iat");
    let token = service.scene.token(&claims);
    for _ in 0..3 {
        service.get(&token).await.unwrap();
    }
    assert_eq!(service.held(&token), Held::Token, "a token without `iat` may update the profile");
    // Within a minute, other role names are not recorded yet.
    let mut claims = service.claims("alice");
    claims["roles"] = json!(["user-manager"]);
    let token = service.scene.token(&claims);
    for _ in 0..3 {
        service.get(&token).await.unwrap();
    }
    assert_eq!(service.held(&token), Held::Token);
    service.pass(60);
    service.cached(&claims).await;
}

#[actix_web::test]
async fn entry_keeps_no_evicted_principal() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    let now = service.now().timestamp_micros();
    let (verified, _) = service.guard.callers().find(token.as_bytes(), now).unwrap().into_parts(Need::Ordinary, now);
    let other = PrincipalService::new(
        service.database.clone(),
        service.scene.clock.clone(),
        Arc::new(DeclaredPermissions::new([]).unwrap()),
        None,
    );
    let principal = Some(other.resolve_for(&verified.claims, Need::Ordinary).await.unwrap());
    let callers = CallerCache::new();
    let resolution = Resolution { principal, rate: RateState::default(), outcome: Ok(()) };
    callers.insert(token.as_bytes(), &verified, Some(&resolution));
    let has_principal = || callers.find(token.as_bytes(), now).unwrap().into_parts(Need::Ordinary, now).1.is_some();
    assert!(has_principal());
    drop(resolution);
    assert!(has_principal(), "the cache by identity has it");
    drop(other);
    assert!(!has_principal());
}

#[actix_web::test]
async fn tokens_of_a_principal_share_its_budget() {
    let service = Service::with(None, Some(6)).await;
    let one = service.cached(&service.claims("alice")).await;
    let mut claims = service.claims("alice");
    claims["jti"] = "2".into();
    let other = service.cached(&claims).await;
    let bob = service.cached(&service.claims("bob")).await;
    assert!(service.get(&one).await.is_ok() && service.get(&other).await.is_ok());
    for token in [&one, &other] {
        assert!(matches!(service.get(token).await, Err(Error::RateLimited(_))));
    }
    assert!(service.get(&bob).await.is_ok());
}

#[actix_web::test]
async fn token_that_differs_in_any_octet_is_not_found() {
    let service = Service::start().await;
    let token = service.cached(&service.claims("alice")).await;
    for at in (0..token.len()).step_by(7) {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(service.held(&other), Held::Nothing);
        assert!(service.get(&other).await.is_err(), "octet {at}");
    }
    for other in [format!("{token}="), format!("{token} "), token[..token.len() - 1].to_owned()] {
        assert_eq!(service.held(&other), Held::Nothing);
        assert!(service.get(&other).await.is_err());
    }
}

/// A cached token, for tests of the cache alone.
async fn verified() -> VerifiedToken {
    let scene = Scene::start().await;
    let token = scene.token(&scene.claims());
    scene.verifier.verify(&token).await.unwrap();
    scene.verifier.prove(&token, None).await.unwrap()
}

#[actix_web::test]
async fn number_of_entries_is_bounded() {
    let (cache, token) = (CallerCache::with_capacity(100, 100 * 4096), verified().await);
    (0..1000).for_each(|number| cache.insert(format!("header.{number:HASHED$}").as_bytes(), &token, None));
    assert!((1..=100).contains(&cache.callers.len()), "{}", cache.callers.len());
}

#[actix_web::test]
async fn memory_use_is_bounded() {
    let (cache, token) = (CallerCache::with_capacity(1000, 64 * 1024), verified().await);
    let rest = "x".repeat(4096);
    (0..100).for_each(|number| cache.insert(format!("header.{number}{rest}").as_bytes(), &token, None));
    assert!((1..=16).contains(&cache.callers.len()), "{}", cache.callers.len());
}

#[actix_web::test]
async fn tokens_with_equal_ends_have_separate_entries() {
    let (cache, token) = (CallerCache::new(), verified().await);
    let end = "x".repeat(HASHED);
    cache.insert(format!("header.one.{end}").as_bytes(), &token, None);
    let found = |token: &str| cache.callers.get(&Presented(token.as_bytes())).is_some();
    assert!(found(&format!("header.one.{end}")));
    for other in ["header.another.", "other.one.", "heade.one.", "headerr.one.", "header-one.", "headerone.", ""] {
        assert!(!found(&format!("{other}{end}")), "{other}");
    }
    cache.insert(format!("header.another.{end}").as_bytes(), &token, None);
    assert!(found(&format!("header.one.{end}")) && found(&format!("header.another.{end}")));
}

#[test]
fn entry_is_small() {
    assert_eq!(size_of::<(Key, CachedCaller)>(), 64, "each octet more costs 130 KB for 100,000 tokens");
}
