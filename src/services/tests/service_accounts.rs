//! Service accounts: registration, listing and life cycle.

use std::collections::BTreeSet;

use crate::models::PrincipalKind;
use crate::services::test_support::{ISSUER, World, names};
use crate::services::{Failure, NewServiceAccount, ServiceAccountEdit};

fn reporter() -> NewServiceAccount {
    NewServiceAccount {
        issuer: ISSUER.into(),
        client_id: "reporter".into(),
        display_name: "Reporter".into(),
        roles: BTreeSet::from(["auditor".to_owned()]),
    }
}

#[tokio::test]
async fn service_account_is_unknown_until_it_is_registered() {
    let world = World::new();
    let before = world.principals.resolve(&world.program("reporter")).await;
    assert!(matches!(before, Err(Failure::UnregisteredProgram)));
    assert_eq!(world.count_principals().await, 0);
    let account = world.service_accounts.register(&world.command_line(), reporter()).await.unwrap();
    let known = world.principals.resolve(&world.program("reporter")).await.unwrap();
    assert_eq!(known.principal().id, account.principal.id);
    assert_eq!(known.principal().kind, PrincipalKind::Machine);
    assert_eq!(names(&known), BTreeSet::from(["auditor"]));
    assert_eq!(world.trail(account.principal.id).await, ["service-account.register done"]);
}

#[tokio::test]
async fn user_with_the_subject_of_a_service_account_is_another_principal() {
    let world = World::new();
    let account = world.service_accounts.register(&world.command_line(), reporter()).await.unwrap();
    assert_ne!(world.known("reporter").await, account.principal.id);
}

#[tokio::test]
async fn client_id_cannot_be_registered_twice() {
    let world = World::new();
    world.service_accounts.register(&world.command_line(), reporter()).await.unwrap();
    let again = world.service_accounts.register(&world.command_line(), reporter()).await;
    assert!(matches!(again, Err(Failure::Conflict { field: "client_id" })));
    assert_eq!(world.count_principals().await, 1);
}

#[tokio::test]
async fn registration_with_an_invalid_member_names_it() {
    let world = World::new();
    let invalid = [
        ("issuer", NewServiceAccount { issuer: "https://issuer.test/".into(), ..reporter() }),
        ("client_id", NewServiceAccount { client_id: String::new(), ..reporter() }),
        ("client_id", NewServiceAccount { client_id: "a\nb".into(), ..reporter() }),
        ("display_name", NewServiceAccount { display_name: " ".into(), ..reporter() }),
        ("roles", NewServiceAccount { roles: BTreeSet::from(["no-such-role".to_owned()]), ..reporter() }),
    ];
    for (member, account) in invalid {
        let refusal = world.service_accounts.register(&world.command_line(), account).await;
        assert!(matches!(refusal, Err(Failure::Invalid { field, .. }) if field == member), "{member}");
    }
    assert_eq!(world.count_principals().await, 0);
}

#[tokio::test]
async fn service_accounts_and_users_are_listed_and_found_separately() {
    let world = World::new();
    let user = world.known("alice").await;
    let account = world.service_accounts.register(&world.command_line(), reporter()).await.unwrap().principal.id;
    let (accounts, users) = (&world.service_accounts, &world.users);
    let listed = accounts.list(10, None).await.unwrap();
    assert_eq!(listed.items.iter().map(|account| account.principal.id).collect::<Vec<_>>(), [account]);
    assert_eq!(listed.items[0].client_id, "reporter");
    assert_eq!(users.list(10, None).await.unwrap().items.iter().map(|user| user.id).collect::<Vec<_>>(), [user]);
    let (found, roles) = accounts.find(account).await.unwrap();
    assert_eq!((found.issuer.as_str(), roles[0].name.as_str()), (ISSUER, "auditor"));
    assert!(matches!(accounts.find(user).await, Err(Failure::NoSuchServiceAccount)));
    assert!(matches!(users.find(account).await, Err(Failure::NoSuchUser)));
    assert!(matches!(users.disable(&world.command_line(), account, None, None).await, Err(Failure::NoSuchUser)));
}

#[tokio::test]
async fn service_account_is_disabled_enabled_revoked_and_expired_like_a_user() {
    let world = World::new();
    let (accounts, cli) = (&world.service_accounts, world.command_line());
    let id = accounts.register(&cli, reporter()).await.unwrap().principal.id;
    let resolve = async || world.principals.resolve(&world.program("reporter")).await;

    accounts.disable(&cli, id, Some("stolen secret".into()), None).await.unwrap();
    assert!(matches!(resolve().await, Err(Failure::PrincipalDisabled)));
    accounts.enable(&cli, id, None).await.unwrap();
    assert!(matches!(resolve().await, Err(Failure::TokenRevoked)), "earlier tokens stay revoked");
    world.pass(1);
    assert!(resolve().await.is_ok());
    accounts.revoke(&cli, id, None).await.unwrap();
    assert!(matches!(resolve().await, Err(Failure::TokenRevoked)));
    world.pass(1);
    accounts.grant_role(&cli, id, "member", None, None).await.unwrap();
    accounts.revoke_role(&cli, id, "auditor", None).await.unwrap();
    assert_eq!(names(&resolve().await.unwrap()), BTreeSet::from(["member"]));

    let end = Some(Some(world.now() + chrono::TimeDelta::seconds(5)));
    let edit = ServiceAccountEdit { display_name: Some(None), expires_at: end };
    let (edited, _) = accounts.update(&cli, id, edit, None).await.unwrap();
    assert_eq!((edited.principal.display_name, edited.client_id.as_str()), (None, "reporter"));
    world.pass(5);
    assert!(matches!(resolve().await, Err(Failure::PrincipalDisabled)));
    accounts.update(&cli, id, ServiceAccountEdit { expires_at: Some(None), ..Default::default() }, None).await.unwrap();
    assert!(matches!(resolve().await, Err(Failure::TokenRevoked)), "tokens from before the expiry stay revoked");
    world.pass(1);
    assert!(resolve().await.is_ok());
    let trail =
        ["register", "disable", "enable", "revoke-tokens"].map(|action| format!("service-account.{action} done"));
    let roles = ["role.grant done", "role.revoke done", "service-account.update done", "service-account.update done"];
    assert_eq!(world.trail(id).await, trail.into_iter().chain(roles.map(str::to_owned)).collect::<Vec<_>>());
}

#[tokio::test]
async fn update_without_effect_is_not_audited_and_stale_version_is_refused() {
    let world = World::new();
    let (accounts, cli) = (&world.service_accounts, world.command_line());
    let id = accounts.register(&cli, reporter()).await.unwrap().principal.id;
    let same = || ServiceAccountEdit { display_name: Some(Some(" Reporter ".into())), expires_at: Some(None) };
    let (account, _) = accounts.update(&cli, id, same(), Some(1)).await.unwrap();
    assert_eq!(account.principal.version, 1);
    assert!(matches!(accounts.update(&cli, id, same(), Some(2)).await, Err(Failure::StaleVersion)));
    assert_eq!(world.trail(id).await, ["service-account.register done"]);
}

#[tokio::test]
async fn service_account_with_more_privileges_than_the_actor_cannot_be_changed() {
    let world = World::new();
    let accounts = &world.service_accounts;
    let new = NewServiceAccount { roles: BTreeSet::from(["admin".to_owned()]), ..reporter() };
    let id = accounts.register(&world.command_line(), new).await.unwrap().principal.id;
    let manager = world.actor(world.known_with("manager", "user-manager").await).await;
    let is_refused = |outcome: Result<_, Failure>| matches!(outcome, Err(Failure::InsufficientPrivilege { .. }));
    let end = ServiceAccountEdit { expires_at: Some(Some(world.now())), ..Default::default() };
    assert!(is_refused(accounts.update(&manager, id, end, None).await));
    assert!(is_refused(accounts.disable(&manager, id, None, None).await));
    assert!(is_refused(accounts.revoke(&manager, id, None).await));
    assert!(is_refused(accounts.revoke_role(&manager, id, "admin", None).await));
}
