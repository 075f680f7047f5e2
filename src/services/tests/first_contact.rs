//! From token to principal: who is made, found, let in and kept out.

use std::collections::BTreeSet;

use super::super::Failure;
use super::super::held_role::RoleSource;
use super::super::test_support::{World, names};
use crate::models::{EmailState, GrantSource, PrincipalKind, PrincipalStatus};
use crate::oidc::{JitMode, Profile};

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
async fn a_person_is_made_at_first_contact_and_found_again() {
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
async fn two_hundred_first_contacts_at_once_leave_one_person() {
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
async fn the_same_subject_of_another_issuer_or_kind_is_somebody_else() {
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
async fn an_equal_email_does_not_merge_people() {
    let world = World::new();
    let alice = world.principals.resolve(&world.person("alice").with_profile(alice_profile())).await.unwrap();
    let other = world.principals.resolve(&world.person("mallory").with_profile(alice_profile())).await.unwrap();
    assert_ne!(alice.principal().id, other.principal().id);
}

#[tokio::test]
async fn where_first_contact_is_off_people_stay_unknown() {
    let world = World::with(JitMode::Off, None);
    let refusal = world.principals.resolve(&world.person("alice")).await;
    assert!(matches!(refusal, Err(Failure::UnknownPrincipal)));
    assert_eq!(world.count_principals().await, 0);
}

#[tokio::test]
async fn where_people_wait_for_an_admin_they_are_known_and_kept_out_until_enabled() {
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
async fn a_plain_known_person_is_not_written_again_within_the_hour() {
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
async fn what_the_provider_says_anew_is_followed_and_silence_changes_nothing() {
    let world = World::new();
    let first = world.principals.resolve(&world.person("alice").with_profile(alice_profile())).await.unwrap();
    let silent = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(silent.principal(), first.principal());
    let renamed = Profile { family_name: Some("Roe"), email: Some("roe@example.test"), ..Profile::default() };
    let followed = world.principals.resolve(&world.person("alice").with_profile(renamed)).await.unwrap();
    assert_eq!(followed.principal().family_name.as_deref(), Some("Roe"));
    assert_eq!(followed.principal().given_name.as_deref(), Some("Alice"));
    assert_eq!(followed.principal().email_state, EmailState::Unknown);
    assert_eq!(followed.principal().version, 2);
    let trail = world.trail(first.principal().id).await;
    assert_eq!(trail, ["user.create done", "user.follow-provider done"]);
}

#[tokio::test]
async fn claim_values_that_no_form_would_accept_are_left_out() {
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
async fn claim_roles_count_with_their_token_only_and_never_make_an_admin() {
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
async fn an_issuer_that_may_makes_admins_by_claim_who_do_not_count() {
    let world = World::new();
    let claims = world.person("alice").with_roles(&["admin"]).with_administrative_role("admin");
    let known = world.principals.resolve(&claims).await.unwrap();
    assert_eq!(names(&known), BTreeSet::from(["admin", "member"]));
    assert!(!world.has_counted_admin().await);
}

#[tokio::test]
async fn clients_whose_tokens_differ_do_not_make_every_request_a_write() {
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
async fn a_disabled_person_stays_out_whatever_the_token_says() {
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
async fn a_token_issued_before_the_revocation_is_refused_and_so_is_one_without_iat() {
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
async fn the_bootstrap_admin_is_made_even_where_first_contact_is_off() {
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
async fn the_bootstrap_admin_acts_only_while_there_is_no_admin() {
    let world = World::with(JitMode::Active, Some("root"));
    world.known_with("alice", "admin").await;
    let root = world.principals.resolve(&world.person("root")).await.unwrap();
    assert_eq!(names(&root), BTreeSet::from(["member"]));
    assert!(matches!(world.principals.resolve(&world.program("root")).await, Err(Failure::UnregisteredProgram)));
}

#[tokio::test]
async fn the_bootstrap_admin_need_not_wait_but_does_not_come_back_by_itself() {
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
