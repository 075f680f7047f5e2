//! Administration of users: listing, disabling, grants, and changes without effect.

use std::collections::BTreeSet;

use crate::models::{ADMIN, GrantSource, PrincipalId, PrincipalStatus};
use crate::oidc::JitMode;
use crate::services::Failure;
use crate::services::test_support::{World, names};

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let world = World::new();
    let mut expected = Vec::new();
    for number in 0..5 {
        expected.push(world.known(&format!("user-{number}")).await);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.users.list(2, after).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|user| user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert!(world.users.list(5, None).await.unwrap().next.is_none());
}

#[tokio::test]
async fn changes_without_effect_are_not_audited() {
    let world = World::new();
    let alice = world.known("alice").await;
    let (cli, users) = (world.command_line(), &world.users);
    for _ in 0..2 {
        users.disable(&cli, alice, Some("left".into()), None).await.unwrap();
    }
    for _ in 0..2 {
        users.enable(&cli, alice, None).await.unwrap();
    }
    for _ in 0..2 {
        users.grant_role(&cli, alice, "auditor", None, None).await.unwrap();
    }
    for _ in 0..2 {
        users.revoke_role(&cli, alice, "auditor", None).await.unwrap();
    }
    // Disabling has revoked the tokens issued until then.
    world.pass(1);
    for _ in 0..2 {
        users.revoke(&cli, alice, None).await.unwrap();
    }
    let trail = ["user.create", "user.disable", "user.enable", "role.grant", "role.revoke", "user.revoke-tokens"];
    assert_eq!(world.trail(alice).await, trail.map(|action| format!("{action} done")));
    assert_eq!(world.user(alice).await.principal().version, 6);
}

#[tokio::test]
async fn change_with_a_stale_version_is_refused_and_with_the_current_one_applied() {
    let world = World::new();
    let alice = world.known("alice").await;
    let (cli, users) = (world.command_line(), &world.users);
    assert!(matches!(users.disable(&cli, alice, None, Some(2)).await, Err(Failure::StaleVersion)));
    assert!(matches!(users.grant_role(&cli, alice, "auditor", None, Some(0)).await, Err(Failure::StaleVersion)));
    let disabled = users.disable(&cli, alice, None, Some(1)).await.unwrap();
    assert_eq!((disabled.principal().status, disabled.principal().version), (PrincipalStatus::Disabled, 2));
}

#[tokio::test]
async fn unknown_user_or_role_is_reported_as_not_existing() {
    let world = World::new();
    let alice = world.known("alice").await;
    let (cli, users) = (world.command_line(), &world.users);
    let unknown = PrincipalId::generate();
    assert!(matches!(users.find(unknown).await, Err(Failure::NoSuchUser)));
    assert!(matches!(users.revoke(&cli, unknown, None).await, Err(Failure::NoSuchUser)));
    assert!(matches!(users.grant_role(&cli, alice, "nothing", None, None).await, Err(Failure::NoSuchRole)));
    assert!(matches!(users.revoke_role(&cli, alice, "nothing", None).await, Err(Failure::NoSuchRole)));
}

#[tokio::test]
async fn grant_expires_and_cannot_start_expired() {
    let world = World::new();
    let alice = world.known("alice").await;
    let (cli, users) = (world.command_line(), &world.users);
    let now = world.now();
    let past = users.grant_role(&cli, alice, "auditor", Some(now), None).await;
    assert!(matches!(past, Err(Failure::Invalid { field: "expires_at", .. })));
    let end = now + chrono::TimeDelta::seconds(60);
    users.grant_role(&cli, alice, "auditor", Some(end), None).await.unwrap();
    world.pass(59);
    let before = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(names(&before), BTreeSet::from(["auditor", "member"]));
    world.pass(1);
    let after = world.principals.resolve(&world.person("alice")).await.unwrap();
    assert_eq!(names(&after), BTreeSet::from(["member"]));
}

#[tokio::test]
async fn manual_grant_replaces_the_bootstrap_grant() {
    let world = World::with(JitMode::Active, Some("root"));
    let root = world.known("root").await;
    world.users.grant_role(&world.command_line(), root, ADMIN, None, None).await.unwrap();
    let sources: Vec<_> =
        world.user(root).await.roles().iter().filter(|role| role.name == ADMIN).map(|role| role.source).collect();
    assert_eq!(sources, [crate::services::roles::held_role::RoleSource::Grant(GrantSource::Manual)]);
}

#[tokio::test]
async fn enabling_clears_the_disabling_party_and_the_reason() {
    let world = World::new();
    let alice = world.known("alice").await;
    let (cli, users) = (world.command_line(), &world.users);
    let disabled = users.disable(&cli, alice, Some(" left the team ".into()), None).await.unwrap();
    assert_eq!(disabled.principal().disabled_reason.as_deref(), Some("left the team"));
    let enabled = users.enable(&cli, alice, None).await.unwrap();
    assert_eq!((enabled.principal().disabled_by, &enabled.principal().disabled_reason), (None, &None));
}

#[tokio::test]
async fn debug_output_contains_no_personal_data() {
    let world = World::new();
    let profile = crate::oidc::Profile {
        display_name: Some("Alice Example"),
        email: Some("alice@example.test"),
        ..Default::default()
    };
    let known = world.principals.resolve(&world.person("sub-4711").with_profile(profile)).await.unwrap();
    let identities = {
        let id = known.principal().id;
        world.query(move |conn| crate::repositories::identities::list(conn, id)).await
    };
    let shown = format!("{known:?} {identities:?} {:?}", crate::models::IdentityKey::human("https://i", "sub-4711"));
    for personal in ["Alice", "alice@", "sub-4711"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}
