//! The limits on what an actor may do to the rights of others, and the protection of the last admin.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::sample::select;

use crate::models::permission::{AUDIT_READ, USERS_WRITE};
use crate::models::{PrincipalId, PrincipalStatus};
use crate::services::test_support::World;
use crate::services::{Actor, Failure, NewServiceAccount, UserEdit};

/// Whether the outcome is a refusal that names the administrative permissions of the role `admin` that `user-manager` lacks.
fn lacks_admin_permissions<T>(outcome: Result<T, Failure>) -> bool {
    matches!(outcome, Err(Failure::InsufficientPrivilege { missing }) if missing == ["identities:write", "roles:write"])
}

#[tokio::test]
async fn user_manager_can_neither_change_nor_create_an_admin() {
    let world = World::new();
    let admin = world.known_with("admin", "admin").await;
    let manager = world.known_with("manager", "user-manager").await;
    let bob = world.known("bob").await;
    let actor = world.actor(manager).await;
    let users = &world.users;
    assert!(lacks_admin_permissions(users.grant_role(&actor, bob, "admin", None, None).await));
    assert!(matches!(users.grant_role(&actor, manager, "admin", None, None).await, Err(Failure::OwnRights)));
    assert!(lacks_admin_permissions(users.revoke_role(&actor, admin, "admin", None).await));
    assert!(lacks_admin_permissions(users.disable(&actor, admin, None, None).await));
    assert!(lacks_admin_permissions(users.enable(&actor, admin, None).await));
    assert!(lacks_admin_permissions(users.revoke(&actor, admin, None).await));
    let account = NewServiceAccount {
        issuer: super::super::test_support::ISSUER.into(),
        client_id: "robot".into(),
        display_name: "Robot".into(),
        roles: BTreeSet::from(["admin".to_owned()]),
    };
    assert!(lacks_admin_permissions(world.service_accounts.register(&actor, account).await));
    assert_eq!(world.count_principals().await, 3);
}

#[tokio::test]
async fn refusal_is_audited_and_changes_nothing() {
    let world = World::new();
    world.known_with("admin", "admin").await;
    let actor = world.actor(world.known_with("manager", "user-manager").await).await;
    let bob = world.known("bob").await;
    assert!(lacks_admin_permissions(world.users.grant_role(&actor, bob, "admin", None, None).await));
    assert_eq!(world.trail(bob).await, ["user.create done", "role.grant refused"]);
    assert_eq!(world.user(bob).await.principal().version, 1);
}

#[tokio::test]
async fn claimed_administrative_role_without_effect_does_not_protect_its_holder() {
    let world = World::new();
    let claims = world.person("bob").with_roles(&["user-manager"]);
    let bob = world.principals.resolve(&claims).await.unwrap().principal().id;
    let manager = world.known_with("manager", "admin").await;
    let actor = world.actor_with(manager, &["users:write"]).await;
    let claimed = world.users.disable(&actor, bob, None, None).await;
    // The test issuer may assign no administrative role, so the claimed one has no effect.
    assert!(claimed.is_ok());
}

#[tokio::test]
async fn non_administrative_role_can_be_granted_with_roles_assign() {
    let world = World::new();
    let actor = world.actor(world.known_with("manager", "user-manager").await).await;
    let bob = world.known("bob").await;
    let auditor = world.users.grant_role(&actor, bob, "auditor", None, None).await.unwrap();
    assert!(auditor.permissions().contains(&AUDIT_READ));
    assert!(!actor.may(AUDIT_READ));
}

#[tokio::test]
async fn actor_demoted_after_admission_changes_nothing() {
    let world = World::new();
    let (root, late) = (world.known_with("root", "admin").await, world.known_with("late", "admin").await);
    let (admitted, bob) = (world.admitted(late, &["users:write"], Some(USERS_WRITE)).await, world.known("bob").await);
    world.users.revoke_role(&world.actor(root).await, late, "admin", None).await.unwrap();
    let outcome = world.users.disable(&admitted, bob, None, None).await;
    assert!(matches!(outcome, Err(Failure::InsufficientPrivilege { missing }) if missing == ["users:write"]));
    assert_eq!(world.trail(bob).await, ["user.create done", "user.disable refused"]);
}

#[tokio::test]
async fn actor_disabled_after_admission_changes_nothing() {
    let world = World::new();
    let (root, late) = (world.known_with("root", "admin").await, world.known_with("late", "admin").await);
    let (admitted, bob) = (world.actor(late).await, world.known("bob").await);
    world.users.disable(&world.actor(root).await, late, None, None).await.unwrap();
    assert!(matches!(world.users.disable(&admitted, bob, None, None).await, Err(Failure::PrincipalDisabled)));
}

#[tokio::test]
async fn last_admin_cannot_be_disabled_demoted_or_given_an_expiry() {
    let world = World::new();
    let admin = world.known_with("admin", "admin").await;
    let (cli, users) = (world.command_line(), &world.users);
    let end = Some(world.now() + chrono::TimeDelta::days(1));
    assert!(matches!(users.disable(&cli, admin, None, None).await, Err(Failure::LastAdmin)));
    assert!(matches!(users.revoke_role(&cli, admin, "admin", None).await, Err(Failure::LastAdmin)));
    assert!(matches!(users.grant_role(&cli, admin, "admin", end, None).await, Err(Failure::LastAdmin)));
    assert!(world.has_counted_admin().await);
    let successor = world.known("heir").await;
    users.grant_role(&cli, successor, "admin", end, None).await.unwrap();
    assert!(matches!(users.disable(&cli, admin, None, None).await, Err(Failure::LastAdmin)));
    users.grant_role(&cli, successor, "admin", None, None).await.unwrap();
    users.disable(&cli, admin, None, None).await.unwrap();
}

#[tokio::test]
async fn two_admins_cannot_remove_each_other() {
    let world = World::new();
    let (a, b) = (world.known_with("a", "admin").await, world.known_with("b", "admin").await);
    let (by_a, by_b) = (world.actor(a).await, world.actor(b).await);
    let (first, second) =
        tokio::join!(world.users.disable(&by_a, b, None, None), world.users.disable(&by_b, a, None, None));
    assert_eq!([first.is_ok(), second.is_ok()].into_iter().filter(|done| *done).count(), 1);
    assert!(world.has_counted_admin().await);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Grant(usize),
    GrantUntil(usize),
    Revoke(usize),
    Disable(usize),
    Enable(usize),
    RevokeTokens(usize),
    Delete(usize),
    Restore(usize),
    End(usize),
    EndNever(usize),
    Pass,
    PassAMonth,
    TokenVisit(usize),
}

const USERS: [&str; 3] = ["root", "alice", "bob"];

/// Rounds of concurrent steps. Each step has the index of its actor among the command line and the users that may act in that round.
fn rounds() -> impl Strategy<Value = Vec<Vec<(usize, Step)>>> {
    let round = proptest::collection::vec((0..=USERS.len(), step()), 1..4);
    proptest::collection::vec(round, 1..12)
}

fn step() -> impl Strategy<Value = Step> {
    (0..USERS.len()).prop_flat_map(|target| {
        select(vec![
            Step::Grant(target),
            Step::GrantUntil(target),
            Step::Revoke(target),
            Step::Disable(target),
            Step::Enable(target),
            Step::RevokeTokens(target),
            Step::Delete(target),
            Step::Restore(target),
            Step::End(target),
            Step::EndNever(target),
            Step::Pass,
            Step::PassAMonth,
            Step::TokenVisit(target),
        ])
    })
}

/// The possible actors: the command line, and the active users with their current rights.
async fn actors(world: &World, ids: &[PrincipalId]) -> Vec<Actor> {
    let mut actors = vec![world.command_line()];
    for id in ids {
        if let Ok(user) = world.users.find(*id).await
            && user.principal().status == PrincipalStatus::Active
            && !user.principal().has_expired(world.now())
        {
            actors.push(world.actor(*id).await);
        }
    }
    actors
}

async fn perform(world: &World, ids: &[PrincipalId], actor: &Actor, step: Step) {
    let users = &world.users;
    let end = Some(world.now() + chrono::TimeDelta::seconds(5));
    let ending = |expires_at| UserEdit { expires_at: Some(expires_at), ..UserEdit::default() };
    let outcome = match step {
        Step::Grant(target) => users.grant_role(actor, ids[target], "admin", None, None).await.map(drop),
        Step::GrantUntil(target) => users.grant_role(actor, ids[target], "admin", end, None).await.map(drop),
        Step::Revoke(target) => users.revoke_role(actor, ids[target], "admin", None).await.map(drop),
        Step::Disable(target) => users.disable(actor, ids[target], None, None).await.map(drop),
        Step::Enable(target) => users.enable(actor, ids[target], None).await.map(drop),
        Step::RevokeTokens(target) => users.revoke(actor, ids[target], None).await.map(drop),
        Step::Delete(target) => users.delete(actor, ids[target], None).await,
        Step::Restore(target) => users.restore(actor, ids[target], None).await.map(drop),
        Step::End(target) => users.update(actor, ids[target], ending(end), None).await.map(drop),
        Step::EndNever(target) => users.update(actor, ids[target], ending(None), None).await.map(drop),
        Step::TokenVisit(target) => world.principals.resolve(&world.person(USERS[target])).await.map(drop),
        Step::Pass => {
            world.pass(10);
            Ok(())
        }
        Step::PassAMonth => {
            world.pass(30 * 24 * 60 * 60);
            world.purge.run().await.map(drop)
        }
    };
    let is_expected = matches!(
        outcome,
        Ok(())
            | Err(Failure::LastAdmin
                | Failure::InsufficientPrivilege { .. }
                | Failure::OwnRights
                | Failure::NoSuchUser
                | Failure::PrincipalDeleted
                | Failure::PrincipalDisabled
                | Failure::TokenRevoked)
    );
    assert!(is_expected, "{step:?}: {outcome:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn concurrent_changes_never_remove_the_last_admin(rounds in rounds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let has_admin = runtime.block_on(async {
            let world = World::new();
            let mut ids = vec![world.known_with(USERS[0], "admin").await];
            for name in &USERS[1..] {
                ids.push(world.known(name).await);
            }
            for round in rounds {
                let actors = actors(&world, &ids).await;
                let steps = round.iter().map(|(by, step)| perform(&world, &ids, &actors[by % actors.len()], *step));
                join_all(steps).await;
                if !world.has_counted_admin().await {
                    return false;
                }
            }
            true
        });
        prop_assert!(has_admin);
    }
}
