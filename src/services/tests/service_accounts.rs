//! Programs are registered, never made from a token.

use std::collections::BTreeSet;

use super::super::test_support::{ISSUER, World, names};
use super::super::{Failure, NewServiceAccount};
use crate::models::PrincipalKind;

fn reporter() -> NewServiceAccount {
    NewServiceAccount {
        issuer: ISSUER.into(),
        client_id: "reporter".into(),
        display_name: "Reporter".into(),
        roles: BTreeSet::from(["auditor".to_owned()]),
    }
}

#[tokio::test]
async fn a_program_is_unknown_until_it_is_registered() {
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
async fn a_person_of_the_same_subject_is_not_the_program() {
    let world = World::new();
    let account = world.service_accounts.register(&world.command_line(), reporter()).await.unwrap();
    assert_ne!(world.known("reporter").await, account.principal.id);
}

#[tokio::test]
async fn a_client_id_is_registered_once() {
    let world = World::new();
    world.service_accounts.register(&world.command_line(), reporter()).await.unwrap();
    let again = world.service_accounts.register(&world.command_line(), reporter()).await;
    assert!(matches!(again, Err(Failure::Conflict { field: "client_id" })));
    assert_eq!(world.count_principals().await, 1);
}

#[tokio::test]
async fn what_cannot_be_accepted_is_named() {
    let world = World::new();
    let faulty = [
        ("issuer", NewServiceAccount { issuer: "https://issuer.test/".into(), ..reporter() }),
        ("client_id", NewServiceAccount { client_id: String::new(), ..reporter() }),
        ("client_id", NewServiceAccount { client_id: "a\nb".into(), ..reporter() }),
        ("display_name", NewServiceAccount { display_name: " ".into(), ..reporter() }),
        ("roles", NewServiceAccount { roles: BTreeSet::from(["no-such-role".to_owned()]), ..reporter() }),
    ];
    for (member, account) in faulty {
        let refusal = world.service_accounts.register(&world.command_line(), account).await;
        assert!(matches!(refusal, Err(Failure::Invalid { field, .. }) if field == member), "{member}");
    }
    assert_eq!(world.count_principals().await, 0);
}

#[tokio::test]
async fn programs_and_people_are_listed_and_found_apart() {
    let world = World::new();
    let person = world.known("alice").await;
    let program = world.service_accounts.register(&world.command_line(), reporter()).await.unwrap().principal.id;
    let (accounts, users) = (&world.service_accounts, &world.users);
    let listed = accounts.list(10, None).await.unwrap();
    assert_eq!(listed.items.iter().map(|account| account.principal.id).collect::<Vec<_>>(), [program]);
    assert_eq!(listed.items[0].client_id, "reporter");
    assert_eq!(users.list(10, None).await.unwrap().items.iter().map(|user| user.id).collect::<Vec<_>>(), [person]);
    let (found, roles) = accounts.find(program).await.unwrap();
    assert_eq!((found.issuer.as_str(), roles[0].name.as_str()), (ISSUER, "auditor"));
    assert!(matches!(accounts.find(person).await, Err(Failure::NoSuchServiceAccount)));
    assert!(matches!(users.find(program).await, Err(Failure::NoSuchUser)));
    assert!(matches!(users.disable(&world.command_line(), program, None, None).await, Err(Failure::NoSuchUser)));
}
