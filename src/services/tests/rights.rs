//! What an actor may do to the rights of others, and that an admin is always left.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::test_support::World;
use super::super::{Actor, Failure, NewServiceAccount, UserEdit};
use crate::models::permission::{AUDIT_READ, USERS_WRITE};
use crate::models::{PrincipalId, PrincipalStatus};

/// Whether the outcome is a refusal that names the administrative permissions that only admins have.
fn is_above<T>(outcome: Result<T, Failure>) -> bool {
    matches!(outcome, Err(Failure::InsufficientPrivilege { missing }) if missing == ["identities:write", "roles:write"])
}

#[tokio::test]
async fn a_user_manager_reaches_no_admin_on_any_path() {
    let world = World::new();
    let admin = world.known_with("admin", "admin").await;
    let manager = world.known_with("manager", "user-manager").await;
    let bob = world.known("bob").await;
    let actor = world.actor(manager).await;
    let users = &world.users;
    assert!(is_above(users.grant_role(&actor, bob, "admin", None, None).await));
    assert!(matches!(users.grant_role(&actor, manager, "admin", None, None).await, Err(Failure::OwnRights)));
    assert!(is_above(users.revoke_role(&actor, admin, "admin", None).await));
    assert!(is_above(users.disable(&actor, admin, None, None).await));
    assert!(is_above(users.enable(&actor, admin, None).await));
    assert!(is_above(users.revoke(&actor, admin, None).await));
    let account = NewServiceAccount {
        issuer: super::super::test_support::ISSUER.into(),
        client_id: "robot".into(),
        display_name: "Robot".into(),
        roles: BTreeSet::from(["admin".to_owned()]),
    };
    assert!(is_above(world.service_accounts.register(&actor, account).await));
    assert_eq!(world.count_principals().await, 3);
}

#[tokio::test]
async fn a_refusal_is_in_the_audit_trail_and_changes_nothing() {
    let world = World::new();
    world.known_with("admin", "admin").await;
    let actor = world.actor(world.known_with("manager", "user-manager").await).await;
    let bob = world.known("bob").await;
    assert!(is_above(world.users.grant_role(&actor, bob, "admin", None, None).await));
    assert_eq!(world.trail(bob).await, ["user.create done", "role.grant refused"]);
    assert_eq!(world.user(bob).await.principal().version, 1);
}

#[tokio::test]
async fn claimed_role_that_does_not_count_protects_nobody() {
    let world = World::new();
    let claims = world.person("bob").with_roles(&["user-manager"]);
    let bob = world.principals.resolve(&claims).await.unwrap().principal().id;
    let manager = world.known_with("manager", "admin").await;
    let actor = world.actor_with(manager, &["users:write"]).await;
    let claimed = world.users.disable(&actor, bob, None, None).await;
    // The test's issuer names no administrative role, so this one does not count.
    assert!(claimed.is_ok());
}

#[tokio::test]
async fn role_without_administrative_permissions_is_granted_by_who_may_assign_it() {
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
async fn the_last_admin_cannot_be_shut_out_demoted_or_given_an_end() {
    let world = World::new();
    let admin = world.known_with("admin", "admin").await;
    let (cli, users) = (world.command_line(), &world.users);
    let end = Some(world.now() + chrono::TimeDelta::days(1));
    assert!(matches!(users.disable(&cli, admin, None, None).await, Err(Failure::LastAdmin)));
    assert!(matches!(users.revoke_role(&cli, admin, "admin", None).await, Err(Failure::LastAdmin)));
    assert!(matches!(users.grant_role(&cli, admin, "admin", end, None).await, Err(Failure::LastAdmin)));
    assert!(world.has_counted_admin().await);
    let heir = world.known("heir").await;
    users.grant_role(&cli, heir, "admin", end, None).await.unwrap();
    assert!(matches!(users.disable(&cli, admin, None, None).await, Err(Failure::LastAdmin)));
    users.grant_role(&cli, heir, "admin", None, None).await.unwrap();
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

const PEOPLE: [&str; 3] = ["root", "alice", "bob"];

/// Rounds of what is done at once, each step by the command line or by a person: by the how-manieth of those who may act then.
fn rounds() -> impl Strategy<Value = Vec<Vec<(usize, Step)>>> {
    let round = proptest::collection::vec((0..=PEOPLE.len(), step()), 1..4);
    proptest::collection::vec(round, 1..12)
}

fn step() -> impl Strategy<Value = Step> {
    (0..PEOPLE.len()).prop_flat_map(|who| {
        select(vec![
            Step::Grant(who),
            Step::GrantUntil(who),
            Step::Revoke(who),
            Step::Disable(who),
            Step::Enable(who),
            Step::RevokeTokens(who),
            Step::Delete(who),
            Step::Restore(who),
            Step::End(who),
            Step::EndNever(who),
            Step::Pass,
            Step::PassAMonth,
            Step::TokenVisit(who),
        ])
    })
}

/// Who may act: the command line, and the people who are let in, with the rights that they have now.
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

async fn take(world: &World, ids: &[PrincipalId], actor: &Actor, step: Step) {
    let users = &world.users;
    let end = Some(world.now() + chrono::TimeDelta::seconds(5));
    let ending = |expires_at| UserEdit { expires_at: Some(expires_at), ..UserEdit::default() };
    let outcome = match step {
        Step::Grant(who) => users.grant_role(actor, ids[who], "admin", None, None).await.map(drop),
        Step::GrantUntil(who) => users.grant_role(actor, ids[who], "admin", end, None).await.map(drop),
        Step::Revoke(who) => users.revoke_role(actor, ids[who], "admin", None).await.map(drop),
        Step::Disable(who) => users.disable(actor, ids[who], None, None).await.map(drop),
        Step::Enable(who) => users.enable(actor, ids[who], None).await.map(drop),
        Step::RevokeTokens(who) => users.revoke(actor, ids[who], None).await.map(drop),
        Step::Delete(who) => users.delete(actor, ids[who], None).await,
        Step::Restore(who) => users.restore(actor, ids[who], None).await.map(drop),
        Step::End(who) => users.update(actor, ids[who], ending(end), None).await.map(drop),
        Step::EndNever(who) => users.update(actor, ids[who], ending(None), None).await.map(drop),
        Step::TokenVisit(who) => world.principals.resolve(&world.person(PEOPLE[who])).await.map(drop),
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
    fn whatever_several_do_at_once_an_admin_is_left(rounds in rounds()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let left = runtime.block_on(async {
            let world = World::new();
            let mut ids = vec![world.known_with(PEOPLE[0], "admin").await];
            for name in &PEOPLE[1..] {
                ids.push(world.known(name).await);
            }
            for round in rounds {
                let actors = actors(&world, &ids).await;
                let at_once = round.iter().map(|(by, step)| take(&world, &ids, &actors[by % actors.len()], *step));
                join_all(at_once).await;
                if !world.has_counted_admin().await {
                    return false;
                }
            }
            true
        });
        prop_assert!(left);
    }
}
