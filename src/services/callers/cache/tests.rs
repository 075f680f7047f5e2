//! A cached caller is resolved without a query, and every event that ends an entry.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use diesel::prelude::*;
use proptest::prelude::*;
use quick_cache::Equivalent;

use super::*;
use crate::database::{
    ChangeFeedHealth, Database, DatabaseConfig, DatabaseError, DatabaseUrl, DbConnection, Invalidates,
};
use crate::models::{
    ClaimRoles, DisabledBy, EmailState, Moment, Origin, Principal, PrincipalId, PrincipalKind, PrincipalStatus,
    ProfileField,
};
use crate::oidc::{JitMode, Profile, SubjectKind};
use crate::schema::principals;
use crate::services::callers::first_contact::{TokenVisit, admit, observe};
use crate::services::callers::validity::MAX_AGE;
use crate::services::test_support::{ISSUER, World, names};
use crate::services::{
    Failure, IssuerRename, IssuerService, KnownVersion, NewIdentity, ProfileEdit, RoleDraft, RoleService,
};

impl World {
    /// Resolves the claims until they are cached, and returns the id of the principal.
    async fn cached(&self, claims: &(impl Clone + Into<Arc<Claims>>)) -> PrincipalId {
        // The first resolution may be a write; the second one inserts what it reads.
        for _ in 0..2 {
            self.principals.resolve(claims).await.unwrap();
        }
        assert!(self.is_cached(claims).await);
        self.principals.resolve(claims).await.unwrap().principal().id
    }

    /// Whether two resolutions return the same allocation.
    async fn is_cached(&self, claims: &(impl Clone + Into<Arc<Claims>>)) -> bool {
        let [first, second] = [self.principals.resolve(claims).await, self.principals.resolve(claims).await];
        Arc::ptr_eq(&first.unwrap(), &second.unwrap())
    }

    fn roles(&self) -> RoleService {
        RoleService::new(self.database.clone(), self.clock.clone(), self.permissions.clone())
    }

    /// Changes a principal directly in the database, and announces only `invalidates`.
    async fn change_silently(&self, id: PrincipalId, status: PrincipalStatus, invalidates: Invalidates) {
        let change = move |conn: &mut DbConnection| Ok((set_status(conn, id, status)?, invalidates));
        self.database.write_invalidating::<_, DatabaseError, _>(change).await.unwrap();
    }
}

fn set_status(conn: &mut DbConnection, id: PrincipalId, status: PrincipalStatus) -> Result<(), DatabaseError> {
    let by = (status == PrincipalStatus::Disabled).then_some(DisabledBy::Admin);
    let columns = (principals::status.eq(status), principals::disabled_by.eq(by));
    diesel::update(principals::table.find(id)).set(columns).execute(conn)?;
    Ok(())
}

#[tokio::test]
async fn cached_caller_is_resolved_without_a_query() {
    let world = World::new();
    let alice = world.cached(&world.person("alice")).await;
    // Not announced, so that a query would show.
    world.change_silently(alice, PrincipalStatus::Disabled, Invalidates::Nothing).await;
    assert_eq!(world.known("alice").await, alice);
}

#[tokio::test]
async fn change_of_the_principal_takes_effect_immediately() {
    let world = World::new();
    let mut claims = Arc::new(world.person("alice"));
    let (by, id) = (world.command_line(), world.cached(&claims).await);
    let seen = async |claims: &Arc<Claims>| world.principals.resolve(claims).await;

    world.users.grant_role(&by, id, "auditor", None, None).await.unwrap();
    assert!(names(&seen(&claims).await.unwrap()).contains("auditor"));
    world.cached(&claims).await;
    world.users.revoke_role(&by, id, "auditor", None).await.unwrap();
    assert!(!names(&seen(&claims).await.unwrap()).contains("auditor"));

    world.cached(&claims).await;
    let edit = ProfileEdit::default().with(ProfileField::DisplayName, Some("Ally".to_owned()));
    world.me.update(&world.actor(id).await, edit, None).await.unwrap();
    assert_eq!(seen(&claims).await.unwrap().principal().display_name.as_deref(), Some("Ally"));

    world.cached(&claims).await;
    world.users.disable(&by, id, None, None).await.unwrap();
    assert!(matches!(seen(&claims).await, Err(Failure::PrincipalDisabled)));
    world.users.enable(&by, id, None).await.unwrap();
    assert!(matches!(seen(&claims).await, Err(Failure::TokenRevoked)));

    world.pass(1);
    claims = Arc::new(world.person("alice"));
    world.cached(&claims).await;
    world.users.delete(&by, id, None).await.unwrap();
    assert!(matches!(seen(&claims).await, Err(Failure::PrincipalDeleted)));
    world.users.restore(&by, id, None).await.unwrap();
    assert!(matches!(seen(&claims).await, Err(Failure::TokenRevoked)));

    world.pass(1);
    claims = Arc::new(world.person("alice"));
    world.cached(&claims).await;
    world.users.revoke(&by, id, None).await.unwrap();
    assert!(matches!(seen(&claims).await, Err(Failure::TokenRevoked)));
}

#[tokio::test]
async fn older_token_stays_revoked_while_a_newer_one_is_cached() {
    let world = World::new();
    let old = Arc::new(world.person("alice"));
    let id = world.cached(&old).await;
    world.users.revoke(&world.command_line(), id, None).await.unwrap();
    world.pass(1);
    world.cached(&world.person("alice")).await;
    assert!(matches!(world.principals.resolve(&old).await, Err(Failure::TokenRevoked)));
}

#[tokio::test]
async fn unlinked_identity_resolves_to_a_new_principal() {
    let world = World::new();
    let by = world.command_line();
    let alice = world.known("alice").await;
    let other = NewIdentity { issuer: ISSUER.into(), subject: "alice-2".into() };
    let linked = world.users.link_identity(&by, alice, other, None).await.unwrap();
    world.pass(1);
    let claims = Arc::new(world.person("alice-2"));
    assert_eq!(world.cached(&claims).await, alice);
    world.users.unlink_identity(&by, alice, linked.identity.id().to_owned(), None).await.unwrap();
    assert_ne!(world.principals.resolve(&claims).await.unwrap().principal().id, alice);
}

#[tokio::test]
async fn identities_of_a_renamed_issuer_are_unknown_under_its_old_name() {
    let world = World::new();
    let alice = world.cached(&world.person("alice")).await;
    let rename = IssuerRename { from: ISSUER.to_owned(), to: "https://new.test".to_owned() };
    let issuers = IssuerService::new(world.database.clone(), world.clock.clone());
    issuers.rename(&world.command_line(), rename).await.unwrap();
    assert_ne!(world.known("alice").await, alice);
}

#[tokio::test]
async fn edited_or_deleted_role_takes_effect_immediately_for_its_holders() {
    let world = World::new();
    let (by, roles) = (world.command_line(), world.roles());
    let draft =
        |names: &[&str]| RoleDraft { summary: "S.".into(), permissions: names.iter().map(|n| (*n).into()).collect() };
    roles.put(&by, "support", draft(&["users:read"]), KnownVersion::Absent).await.unwrap();
    world.known_with("alice", "support").await;
    let (granted, claimed) = (Arc::new(world.person("alice")), Arc::new(world.person("bob").with_roles(&["support"])));
    let may = async |claims: &Arc<Claims>| {
        let known = world.principals.resolve(claims).await.unwrap();
        known.permissions().iter().any(|permission| permission.name() == "users:read")
    };
    for claims in [&granted, &claimed] {
        world.cached(claims).await;
        assert!(may(claims).await);
    }
    roles.put(&by, "support", draft(&[]), KnownVersion::Any).await.unwrap();
    assert!(!may(&granted).await && !may(&claimed).await);
    world.cached(&granted).await;
    world.cached(&claimed).await;
    roles.delete(&by, "support", true, None).await.unwrap();
    for claims in [&granted, &claimed] {
        assert!(!names(&world.principals.resolve(claims).await.unwrap()).contains("support"));
    }
}

#[tokio::test]
async fn change_of_another_principal_keeps_the_entry() {
    let world = World::new();
    let claims = Arc::new(world.person("alice"));
    let bob = world.known("bob").await;
    world.cached(&claims).await;
    let before = world.principals.resolve(&claims).await.unwrap();
    world.known("a-newcomer").await;
    world.users.disable(&world.command_line(), bob, None, None).await.unwrap();
    assert!(Arc::ptr_eq(&before, &world.principals.resolve(&claims).await.unwrap()));
}

#[tokio::test]
async fn grant_and_account_expire_on_time() {
    let world = World::new();
    let (id, by) = (world.known("alice").await, world.command_line());
    let in_thirty = || Some(world.now() + TimeDelta::seconds(30));
    world.users.grant_role(&by, id, "auditor", in_thirty(), None).await.unwrap();
    let claims = Arc::new(world.person("alice"));
    world.cached(&claims).await;
    world.pass(29);
    assert!(names(&world.principals.resolve(&claims).await.unwrap()).contains("auditor"));
    world.pass(1);
    assert!(!names(&world.principals.resolve(&claims).await.unwrap()).contains("auditor"));

    let end = in_thirty().map(Moment::from);
    let set_end = move |conn: &mut DbConnection| {
        diesel::update(principals::table.find(id)).set(principals::expires_at.eq(end)).execute(conn)?;
        Ok::<_, DatabaseError>(())
    };
    world.database.write(set_end).await.unwrap();
    world.cached(&claims).await;
    world.pass(29);
    world.principals.resolve(&claims).await.unwrap();
    world.pass(1);
    assert!(matches!(world.principals.resolve(&claims).await, Err(Failure::PrincipalDisabled)));
}

#[tokio::test]
async fn last_seen_at_of_a_frequent_caller_is_updated_once_an_hour() {
    let world = World::new();
    let claims = Arc::new(world.person("alice"));
    let last_seen = async || world.principals.resolve(&claims).await.unwrap().principal().last_seen_at.unwrap();
    let first = last_seen().await;
    world.pass(3_570);
    world.cached(&claims).await;
    assert_eq!(last_seen().await, first);
    world.pass(30);
    assert_eq!(last_seen().await, world.now().into());
}

#[tokio::test]
async fn role_names_apply_only_with_the_token_that_carries_them() {
    let world = World::new();
    let plain = Arc::new(world.person("alice"));
    let auditor = Arc::new(world.person("alice").with_roles(&["auditor"]));
    let would_be_admin = Arc::new(world.person("alice").with_roles(&["admin"]));
    let admin = Arc::new(world.person("alice").with_roles(&["admin"]).with_administrative_role("admin"));
    world.known("alice").await;
    for _ in 0..3 {
        for (claims, expected) in [
            (&plain, &["member"][..]),
            (&auditor, &["auditor", "member"]),
            (&would_be_admin, &["member"]),
            (&admin, &["admin", "member"]),
        ] {
            let known = world.principals.resolve(claims).await.unwrap();
            assert_eq!(names(&known), expected.iter().copied().collect());
        }
    }
}

#[tokio::test]
async fn same_subject_of_another_kind_or_issuer_is_another_principal() {
    let world = World::new();
    world.cached(&world.person("alice")).await;
    assert!(matches!(world.principals.resolve(&world.program("alice")).await, Err(Failure::UnregisteredProgram)));
    let elsewhere = Claims::for_test("https://other.test", SubjectKind::Human, "alice", world.now());
    assert_ne!(world.principals.resolve(&elsewhere).await.unwrap().principal().id, world.known("alice").await);
}

#[tokio::test]
async fn cached_bootstrap_admin_becomes_administrator_once_there_is_none() {
    let world = World::with(JitMode::Active, Some("root"));
    let alice = world.known_with("alice", "admin").await;
    let root = Arc::new(world.person("root"));
    world.cached(&root).await;
    assert!(!names(&world.principals.resolve(&root).await.unwrap()).contains("admin"));
    world.change_silently(alice, PrincipalStatus::Disabled, Invalidates::one(&alice)).await;
    assert!(names(&world.principals.resolve(&root).await.unwrap()).contains("admin"));
}

#[tokio::test]
async fn unannounced_change_takes_effect_after_a_minute_or_when_it_is_detected() {
    let world = World::new();
    let claims = Arc::new(world.person("alice"));
    let id = world.cached(&claims).await;
    world.change_silently(id, PrincipalStatus::Disabled, Invalidates::Nothing).await;
    world.pass(59);
    world.principals.resolve(&claims).await.unwrap();
    world.pass(1);
    assert!(matches!(world.principals.resolve(&claims).await, Err(Failure::PrincipalDisabled)));

    world.change_silently(id, PrincipalStatus::Active, Invalidates::Nothing).await;
    world.pass(59);
    assert!(matches!(world.principals.resolve(&claims).await, Err(Failure::PrincipalDisabled)), "refusals too");
    world.pass(1);
    world.cached(&claims).await;
    world.database.notice_external_changes().await.unwrap();
    world.cached(&claims).await;
    let other = Database::open(&DatabaseConfig::new(DatabaseUrl::parse(&world.database_url()).unwrap()));
    other.unwrap().write(move |conn| set_status(conn, id, PrincipalStatus::Disabled)).await.unwrap();
    world.principals.resolve(&claims).await.unwrap();
    assert!(world.database.notice_external_changes().await.unwrap());
    assert!(matches!(world.principals.resolve(&claims).await, Err(Failure::PrincipalDisabled)));
}

#[tokio::test]
async fn principal_read_before_a_change_is_not_inserted_after_it() {
    let world = World::new();
    let claims = Arc::new(world.person("alice"));
    world.known("alice").await;
    let cache = PrincipalCache::new(Arc::clone(world.database.invalidations()), Arc::default(), TimeDelta::zero());
    let now = || world.now().timestamp_micros();
    let (version, read) = (cache.version(), world.principals.resolve(&claims).await.unwrap());
    let id = read.principal().id;
    cache.insert(&claims, KnownPrincipal::clone(&read), read.identity(), version, false, world.now());
    assert!(cache.find(&claims, Need::Ordinary, now()).is_some());
    world.users.disable(&world.command_line(), id, None, None).await.unwrap();
    cache.insert(&claims, KnownPrincipal::clone(&read), read.identity(), version, false, world.now());
    assert!(cache.find(&claims, Need::Ordinary, now()).is_none());
    // An entry is not valid before its read, as when the clock is set back.
    world.users.enable(&world.command_line(), id, None).await.unwrap();
    cache.insert(&claims, KnownPrincipal::clone(&read), read.identity(), cache.version(), false, world.now());
    assert!(cache.find(&claims, Need::Ordinary, now()).is_some());
    assert!(cache.find(&claims, Need::Ordinary, now() - 1_000_000).is_none());
}

#[tokio::test]
async fn stale_entry_is_valid_for_ordinary_needs_only_while_the_change_feed_fails() {
    let world = World::new();
    let claims = Arc::new(world.person("alice"));
    world.known("alice").await;
    let change_feed = Arc::new(ChangeFeedHealth::default());
    let cache_with = |stale_for| {
        let changes = Arc::clone(world.database.invalidations());
        PrincipalCache::new(changes, Arc::clone(&change_feed), TimeDelta::seconds(stale_for))
    };
    let (cache, strict) = (cache_with(60), cache_with(0));
    let (version, read) = (cache.version(), world.principals.resolve(&claims).await.unwrap());
    for cache in [&cache, &strict] {
        cache.insert(&claims, KnownPrincipal::clone(&read), read.identity(), version, false, world.now());
    }
    let finds = |cache: &PrincipalCache, need| cache.find(&claims, need, world.now().timestamp_micros()).is_some();
    world.pass(50);
    change_feed.succeed(world.now());
    assert!(finds(&cache, Need::Administrative) && finds(&strict, Need::Administrative));
    change_feed.fail();
    assert!(finds(&cache, Need::Ordinary) && !finds(&cache, Need::Administrative) && !finds(&strict, Need::Ordinary));
    world.pass(59);
    assert!(finds(&cache, Need::Ordinary), "59 seconds after the last check, though read 109 seconds ago");
    world.pass(1);
    assert!(!finds(&cache, Need::Ordinary));
    // Once the change feed works again, an entry beyond its maximum age is not valid.
    change_feed.succeed(world.now());
    assert!(!finds(&cache, Need::Ordinary));
}

#[tokio::test]
async fn profile_from_a_newer_token_is_returned_for_an_older_one_immediately() {
    let world = World::new();
    let named = |name: &'static str| Profile { display_name: Some(name), ..Profile::default() };
    let old = Arc::new(world.person("alice").with_profile(named("Alice")));
    world.cached(&old).await;
    world.pass(1);
    world.principals.resolve(&world.person("alice").with_profile(named("Ally"))).await.unwrap();
    let seen = world.principals.resolve(&old).await.unwrap();
    assert_eq!(seen.principal().display_name.as_deref(), Some("Ally"));
}

#[tokio::test]
async fn newer_token_reverts_the_profile_to_the_values_of_an_older_one() {
    let world = World::new();
    let named = |name: &'static str| {
        world.person("alice").with_profile(Profile { display_name: Some(name), ..Profile::default() })
    };
    let old = Arc::new(named("Alice"));
    world.cached(&old).await;
    world.pass(1);
    world.principals.resolve(&named("Ally")).await.unwrap();
    // Cached with the claims of the old token, which no longer match the profile.
    world.cached(&old).await;
    world.pass(1);
    let seen = world.principals.resolve(&named("Alice")).await.unwrap();
    assert_eq!(seen.principal().display_name.as_deref(), Some("Alice"));
}

#[test]
fn claims_are_equivalent_only_to_their_own_key() {
    let claims = |issuer: &str, kind, subject: &str, roles: &[&str]| {
        Claims::for_test(issuer, kind, subject, DateTime::UNIX_EPOCH).with_roles(roles)
    };
    let (human, machine) = (SubjectKind::Human, SubjectKind::Machine);
    let alice = claims(ISSUER, human, "alice", &["a", "b"]);
    let hash_of = |item: &dyn Fn(&mut std::hash::DefaultHasher)| {
        let mut hasher = std::hash::DefaultHasher::new();
        item(&mut hasher);
        hasher.finish()
    };
    let key = Key::of(&alice);
    assert!(Presented(&alice).equivalent(&key));
    assert_eq!(hash_of(&|hasher| Presented(&alice).hash(hasher)), hash_of(&|hasher| key.hash(hasher)));
    for other in [
        claims("https://other.test", human, "alice", &["a", "b"]),
        claims(ISSUER, machine, "alice", &["a", "b"]),
        claims(ISSUER, human, "Alice", &["a", "b"]),
        claims(ISSUER, human, "alice", &["a"]),
        claims(ISSUER, human, "alice", &["a", "b", "c"]),
        claims(ISSUER, human, "alice", &["ab"]),
        claims(ISSUER, human, "alice", &["a", "b", "admin"]).with_administrative_role("admin"),
    ] {
        assert!(!Presented(&other).equivalent(&key), "{:?}", other.roles());
    }
}

/// One of a few texts, so that claimed and stored values are often equal. Some of them are not valid.
fn word() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![None, Some("a"), Some("b"), Some(" a "), Some("\u{7}"), Some("")])
}

fn profile() -> impl Strategy<Value = Profile<'static>> {
    let verified = prop_oneof![Just(None), any::<bool>().prop_map(Some)];
    (word(), word(), word(), word(), word(), verified, prop_oneof![Just(None), Just(Some("de"))]).prop_map(
        |(display_name, given_name, family_name, username, email, email_verified, locale)| Profile {
            display_name,
            given_name,
            family_name,
            username,
            email,
            email_verified,
            locale,
        },
    )
}

/// A moment near one of the intervals before `now`, or none.
fn moment(now: DateTime<Utc>) -> impl Strategy<Value = Option<DateTime<Utc>>> {
    let seconds = prop_oneof![-3602_i64..-3598, -62_i64..-58, -2_i64..3];
    proptest::option::of(seconds.prop_map(move |seconds| now + TimeDelta::seconds(seconds)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn visit_of_an_admitted_token_has_no_effect_exactly_if_it_changes_nothing(
        (before, claimed) in (profile(), profile()),
        (seen, roles_seen, not_before, expires, issued) in {
            let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
            (moment(now), moment(now), moment(now), moment(now), moment(now))
        },
        (status, kind, is_manual) in (0_u8..8, any::<bool>(), any::<bool>()),
        edited in proptest::collection::btree_set(proptest::sample::select(ProfileField::ALL.to_vec()), 0..3),
        (known_roles, roles) in {
            let names = || proptest::collection::btree_set(proptest::sample::select(vec!["admin", "auditor"]), 0..3);
            (names(), names())
        },
        is_profile_from_the_same_claims in any::<bool>(),
        (ago, later) in (prop_oneof![Just(86_400_i64), 0_i64..70], 0_i64..130),
    ) {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let origin = if is_manual { Origin::Manual } else { Origin::FirstContact };
        let (kind, subject_kind) = if kind {
            (PrincipalKind::Human, SubjectKind::Human)
        } else {
            (PrincipalKind::Machine, SubjectKind::Machine)
        };
        let mut principal = Principal::new(kind, PrincipalStatus::Active, origin, now.into());
        let claims = |at, profile: &Profile<'_>, roles: &BTreeSet<&str>| {
            let roles: Vec<_> = roles.iter().copied().collect();
            Claims::for_test(ISSUER, subject_kind, "s", at).with_roles(&roles).with_profile(*profile)
        };
        let earlier = now - TimeDelta::seconds(ago);
        let profile = if is_profile_from_the_same_claims { &claimed } else { &before };
        observe(&mut principal, &TokenVisit::new(&claims(earlier, profile, &known_roles), earlier));
        principal.status = match status {
            0 => PrincipalStatus::Pending,
            1 => PrincipalStatus::Disabled,
            2 => PrincipalStatus::Deleted,
            _ => PrincipalStatus::Active,
        };
        principal.edited_fields.0 = edited;
        principal.last_seen_at = seen.map(Moment::from);
        principal.claim_roles_at = roles_seen.map(Moment::from);
        principal.claim_roles = ClaimRoles(known_roles.iter().map(|role| (*role).to_owned()).collect());
        // Most principals have neither.
        principal.not_before = not_before.filter(|_| status == 3).map(Moment::from);
        principal.expires_at = expires.filter(|_| status == 4).map(Moment::from);
        if status == 5 {
            principal.email_state = EmailState::Unknown;
        }
        let presented = match issued {
            Some(at) => claims(at, &claimed, &roles),
            None => claims(now, &claimed, &roles).without_issued_at(),
        };
        // The reference: admission and observation without any shortcut.
        let changes_nothing = |claims: &Claims, now| {
            let visit = TokenVisit::new(claims, now);
            admit(&principal, &visit, false).is_ok() && !observe(&mut principal.clone(), &visit).has_changes()
        };
        let changes_nothing_at = |now| changes_nothing(&presented, now);
        let has_no_effect = first_contact::admit_again(&principal, &presented, now).is_ok()
            && first_contact::has_no_effect(&principal, &presented, now);
        prop_assert_eq!(has_no_effect, changes_nothing_at(now));
        // Cached with its token, it is not checked again until then.
        if changes_nothing_at(now) && first_contact::stays_without_effect(&principal, &presented) {
            let then = now + TimeDelta::seconds(later);
            let until = first_contact::settled_until(&principal);
            prop_assert!(until.is_none_or(|until| until <= then) || changes_nothing_at(then));
        }
    }
}

#[tokio::test]
async fn cached_unknown_identity_is_created_once_the_issuer_allows_it() {
    let world = World::with(JitMode::Off, None);
    let refused =
        async |claims: Claims| matches!(world.principals.resolve(&claims).await, Err(Failure::UnknownPrincipal));
    assert!(refused(world.person("bob")).await && refused(world.person("bob")).await);
    // As after a reload of the issuers' file.
    let now_active = world.person("bob").with_jit(JitMode::Active);
    assert!(world.principals.resolve(&now_active).await.is_ok());
}

#[tokio::test]
async fn cached_unknown_identity_ends_with_each_change_that_may_add_it() {
    let world = World::with(JitMode::Off, None);
    let changes = world.database.invalidations();
    let cache = PrincipalCache::new(Arc::clone(changes), Arc::default(), TimeDelta::zero());
    let (bob, now) = (world.person("bob"), world.now());
    let insert = || cache.insert_unknown(&IdentityKey::human(ISSUER, "bob"), Unknown::Never, cache.version(), now);
    let is_refused = || matches!(cache.find(&bob, Need::Ordinary, now.timestamp_micros()), Some(Err(_)));
    insert();
    changes.note(Invalidates::one(&"carol"));
    assert!(is_refused(), "a change of another principal keeps it");
    changes.note(Invalidates::Everything);
    assert!(!is_refused());
    insert();
    assert!(is_refused());
    changes.note_rows();
    assert!(!is_refused(), "another replica has changed rows");
}

#[tokio::test]
async fn number_of_cached_unknown_identities_is_bounded() {
    let world = World::with(JitMode::Off, None);
    let cache = PrincipalCache::new(Arc::clone(world.database.invalidations()), Arc::default(), TimeDelta::zero());
    let (version, now) = (cache.version(), world.now());
    for number in 0..20_000 {
        cache.insert_unknown(&IdentityKey::human(ISSUER, number.to_string()), Unknown::Never, version, now);
    }
    assert!((1..=8 * 1024).contains(&cache.unknown.len()));
    let last = world.person("19999");
    assert!(matches!(cache.find(&last, Need::Ordinary, now.timestamp_micros()), Some(Err(_))));
    let later = (now + MAX_AGE).timestamp_micros();
    assert!(cache.find(&last, Need::Ordinary, later).is_none(), "cached for a minute at most");
}
