//! Resolution of a token to its principal: creation, lookup, admission and refusal.

use std::collections::BTreeSet;

use crate::models::{EmailState, GrantSource, PrincipalKind, PrincipalStatus};
use crate::oidc::{JitMode, Profile};
use crate::services::Failure;
use crate::services::roles::held_role::RoleSource;
use crate::services::test_support::{World, names};

fn alice_profile() -> Profile<'static> {
    Profile {
        display_name: Some("Alice Example"),
        given_name: Some("Alice"),
        username: Some("alice"),
        email: Some("alice@example.test"),
        email_verified: Some(true),
        locale: Some("de-AT"),
        ..Profile::default()
    }
}

#[tokio::test]
async fn first_contact_creates_a_user_who_is_found_again() {
    let world = World::new();
    let claims = world.person("alice").with_profile(alice_profile());
    let known = world.principals.resolve(&claims).await.unwrap();
    let principal = known.principal();
    assert_eq!(principal.kind, PrincipalKind::Human);
    assert_eq!(principal.display_name.as_deref(), Some("Alice Example"));
    assert_eq!(principal.display_name_ci, "alice example");
    assert_eq!(principal.email_state, EmailState::Verified);
    assert_eq!(principal.version, 1);
    assert_eq!(names(&known), BTreeSet::from(["member"]));
    let again = world.principals.resolve(&claims).await.unwrap();
    assert_eq!(again.principal(), principal);
    assert_eq!(world.trail(principal.id).await, ["user.create done"]);
}

#[tokio::test]
async fn concurrent_first_contacts_create_one_user() {
    let world = World::new();
    let resolutions: Vec<_> = (0..200)
        .map(|_| {
            let (principals, claims) = (world.principals.clone(), world.person("alice"));
            tokio::spawn(async move { principals.resolve(&claims).await.unwrap().principal().id })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for resolution in resolutions {
        ids.insert(resolution.await.unwrap());
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(world.count_principals().await, 1);
}

#[tokio::test]
async fn same_subject_of_another_issuer_or_kind_is_another_principal() {
    let world = World::new();
    let alice = world.known("alice").await;
    let other_issuer =
        crate::oidc::Claims::for_test("https://issuer.test/", crate::oidc::SubjectKind::Human, "alice", world.now());
    let stranger = world.principals.resolve(&other_issuer).await.unwrap();
    assert_ne!(stranger.principal().id, alice);
    let other_case = world.known("Alice").await;
    assert_ne!(other_case, alice);
    let program = world.principals.resolve(&world.program("alice")).await;
    assert!(matches!(program, Err(Failure::UnregisteredProgram)));
}

#[tokio::test]
async fn equal_email_does_not_merge_users() {
    let world = World::new();
    let alice = world.principals.resolve(&world.person("alice").with_profile(alice_profile())).await.unwrap();
    let other = world.principals.resolve(&world.person("mallory").with_profile(alice_profile())).await.unwrap();
    assert_ne!(alice.principal().id, other.principal().id);
}

#[tokio::test]
async fn unknown_user_is_refused_where_provisioning_is_off() {
    let world = World::with(JitMode::Off, None);
    let refusal = world.principals.resolve(&world.person("alice")).await;
    assert!(matches!(refusal, Err(Failure::UnknownPrincipal)));
    assert_eq!(world.count_principals().await, 0);
}

#[tokio::test]
async fn pending_user_is_created_and_refused_until_enabled() {
    let world = World::with(JitMode::Pending, None);
    for _ in 0..2 {
        let refusal = world.principals.resolve(&world.person("alice")).await;
        assert!(matches!(refusal, Err(Failure::PrincipalPending)));
    }
    assert_eq!(world.count_principals().await, 1);
    let alice = world.users.list(1, None).await.unwrap().items.remove(0).id;
    world.users.enable(&world.command_line(), alice, None).await.unwrap();
    assert_eq!(world.known("alice").await, alice);
}

#[tokio::test]
async fn known_user_without_changes_is_written_once_an_hour() {
    let world = World::new();
    let first = world.principals.resolve(&world.person("alice")).await.unwrap();
    world.pass(3599);
    let same = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(same.principal().last_seen_at, first.principal().last_seen_at);
    world.pass(1);
    let later = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(later.principal().last_seen_at.unwrap().utc(), world.now());
    assert_eq!(later.principal().version, first.principal().version);
}

#[tokio::test]
async fn changed_claims_update_the_profile_and_absent_claims_change_nothing() {
    let world = World::new();
    let first = world.principals.resolve(&world.person("alice").with_profile(alice_profile())).await.unwrap();
    let without_claims = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(without_claims.principal(), first.principal());
    let renamed = Profile { family_name: Some("Roe"), email: Some("roe@example.test"), ..Profile::default() };
    let updated = world.principals.resolve(&world.person("alice").with_profile(renamed)).await.unwrap();
    assert_eq!(updated.principal().family_name.as_deref(), Some("Roe"));
    assert_eq!(updated.principal().given_name.as_deref(), Some("Alice"));
    assert_eq!(updated.principal().email_state, EmailState::Unknown);
    assert_eq!(updated.principal().version, 2);
    let trail = world.trail(first.principal().id).await;
    assert_eq!(trail, ["user.create done", "user.follow-provider done"]);
}

#[tokio::test]
async fn invalid_claim_values_are_ignored() {
    let world = World::new();
    let too_long = "x".repeat(256);
    let profile = Profile {
        display_name: Some(&too_long),
        given_name: Some("A\u{7}"),
        locale: Some("de AT"),
        ..Profile::default()
    };
    let known = world.principals.resolve(&world.person("alice").with_profile(profile)).await.unwrap();
    let principal = known.principal();
    assert_eq!((&principal.display_name, &principal.given_name, &principal.locale), (&None, &None, &None));
}

#[tokio::test]
async fn claimed_roles_apply_only_with_their_token_and_exclude_administrative_ones() {
    let world = World::new();
    let claims = world.person("alice").with_roles(&["admin", "auditor", "no-such-role"]);
    let known = world.principals.resolve(&claims).await.unwrap();
    assert_eq!(names(&known), BTreeSet::from(["auditor", "member"]));
    let auditor = known.roles().iter().find(|role| role.name == "auditor").unwrap();
    assert_eq!(auditor.source, RoleSource::Claim);
    let next = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(names(&next), BTreeSet::from(["member"]));
}

#[tokio::test]
async fn permitted_administrative_role_of_a_claim_does_not_count_as_an_administrator() {
    let world = World::new();
    let claims = world.person("alice").with_roles(&["admin"]).with_administrative_role("admin");
    let known = world.principals.resolve(&claims).await.unwrap();
    assert_eq!(names(&known), BTreeSet::from(["admin", "member"]));
    assert!(!world.has_counted_admin().await);
}

#[tokio::test]
async fn tokens_with_different_roles_do_not_cause_a_write_per_request() {
    let world = World::new();
    let alice = world.known("alice").await;
    let other = || world.person("alice").with_roles(&["auditor"]);
    world.principals.resolve(&other()).await.unwrap();
    assert!(world.user(alice).await.principal().claim_roles.0.is_empty());
    world.pass(60);
    world.principals.resolve(&other()).await.unwrap();
    assert!(world.user(alice).await.principal().claim_roles.0.contains("auditor"));
}

#[tokio::test]
async fn disabled_user_is_refused_with_any_token() {
    let world = World::new();
    let alice = world.known("alice").await;
    world.users.disable(&world.command_line(), alice, Some("left".into()), None).await.unwrap();
    let trail = world.trail(alice).await;
    world.pass(7200);
    let fresh = world.person("alice").with_roles(&["auditor"]).with_profile(alice_profile());
    assert!(matches!(world.principals.resolve(&fresh).await, Err(Failure::PrincipalDisabled)));
    assert_eq!(world.trail(alice).await, trail);
    world.users.enable(&world.command_line(), alice, None).await.unwrap();
    assert_eq!(world.known("alice").await, alice);
}

#[tokio::test]
async fn token_from_before_the_revocation_or_without_iat_is_refused() {
    let world = World::new();
    let alice = world.known("alice").await;
    let early = world.person("alice");
    world.users.revoke(&world.command_line(), alice, None).await.unwrap();
    let same_second = world.person("alice");
    for claims in [early, same_second, world.person("alice").without_issued_at()] {
        assert!(matches!(world.principals.resolve(&claims).await, Err(Failure::TokenRevoked)));
    }
    world.pass(1);
    assert_eq!(world.known("alice").await, alice);
    let undated = world.person("alice").without_issued_at();
    assert!(matches!(world.principals.resolve(&undated).await, Err(Failure::TokenRevoked)));
}

#[tokio::test]
async fn bootstrap_admin_is_created_even_where_provisioning_is_off() {
    let world = World::with(JitMode::Off, Some("root"));
    let root = world.principals.resolve(&world.person("root")).await.unwrap();
    assert!(names(&root).contains("admin"));
    assert_eq!(root.permissions(), world.permissions.all().collect());
    let admin = root.roles().iter().find(|role| role.name == "admin").unwrap();
    assert_eq!(admin.source, RoleSource::Grant(GrantSource::Bootstrap));
    assert_eq!(world.trail(root.principal().id).await, ["user.create done", "admin.bootstrap done"]);
    assert!(matches!(world.principals.resolve(&world.person("alice")).await, Err(Failure::UnknownPrincipal)));
}

#[tokio::test]
async fn bootstrap_admin_gets_the_role_only_while_there_is_no_administrator() {
    let world = World::with(JitMode::Active, Some("root"));
    world.known_with("alice", "admin").await;
    let root = world.principals.resolve(&world.person("root")).await.unwrap();
    assert_eq!(names(&root), BTreeSet::from(["member"]));
    assert!(matches!(world.principals.resolve(&world.program("root")).await, Err(Failure::UnregisteredProgram)));
}

#[tokio::test]
async fn bootstrap_admin_needs_no_approval_and_stays_disabled_once_disabled() {
    let world = World::with(JitMode::Pending, Some("root"));
    let root = world.principals.resolve(&world.person("root")).await.unwrap().principal().id;
    assert_eq!(world.user(root).await.principal().status, PrincipalStatus::Active);
    let heir = world.principals.resolve(&world.person("heir")).await;
    assert!(matches!(heir, Err(Failure::PrincipalPending)));
    let heir = world.users.list(10, Some(root)).await.unwrap().items.remove(0).id;
    world.users.enable(&world.command_line(), heir, None).await.unwrap();
    world.users.grant_role(&world.command_line(), heir, "admin", None, None).await.unwrap();
    world.users.disable(&world.command_line(), root, None, None).await.unwrap();
    assert!(matches!(world.principals.resolve(&world.person("root")).await, Err(Failure::PrincipalDisabled)));
}
