//! Rename of an issuer.

use std::sync::Arc;

use crate::models::{IdentityKey, PrincipalKind};
use crate::oidc::{Claims, SubjectKind};
use crate::repositories::principals;
use crate::services::issuers::MovedIdentities;
use crate::services::test_support::{ISSUER, World};
use crate::services::{Failure, IssuerRename, IssuerService, NewServiceAccount};

const NEW: &str = "https://new.issuer.test";

fn rename(from: &str, to: &str) -> IssuerRename {
    IssuerRename { from: from.to_owned(), to: to.to_owned() }
}

fn issuers(world: &World) -> IssuerService {
    IssuerService::new(world.database.clone(), world.clock.clone())
}

async fn world_of_alice_and_reporter() -> World {
    let world = World::new();
    world.known("alice").await;
    let reporter = NewServiceAccount {
        issuer: ISSUER.to_owned(),
        client_id: "reporter".to_owned(),
        display_name: "Reporter".to_owned(),
        roles: [].into(),
    };
    world.service_accounts.register(&world.command_line(), reporter).await.unwrap();
    world
}

#[tokio::test]
async fn rename_moves_all_identities_and_keeps_their_principals() {
    let world = world_of_alice_and_reporter().await;
    let alice = world.known("alice").await;
    world.pass(60);
    let moved = issuers(&world).rename(&world.command_line(), rename(ISSUER, NEW)).await.unwrap();
    assert_eq!(moved, MovedIdentities { people: 1, programs: 1 });
    let claims = Claims::for_test(NEW, SubjectKind::Human, "alice", world.now());
    let known = world.principals.resolve(&claims).await.unwrap();
    assert_eq!(known.principal().id, alice);
    assert_eq!(known.principal().changed_at.utc(), world.now());
    assert!(world.trail(alice).await.contains(&"identity.move done".to_owned()));
    let reporter = IdentityKey { issuer: NEW.to_owned(), kind: PrincipalKind::Machine, subject: "reporter".to_owned() };
    let reporter = Arc::new(reporter);
    assert!(world.query(move |conn| principals::find_by_identity(conn, &reporter)).await.is_some());
}

#[tokio::test]
async fn preview_counts_identities_and_moves_none() {
    let world = world_of_alice_and_reporter().await;
    let alice = world.known("alice").await;
    let moved = issuers(&world).preview_rename(rename(ISSUER, NEW)).await.unwrap();
    assert_eq!(moved, MovedIdentities { people: 1, programs: 1 });
    assert_eq!(world.known("alice").await, alice);
    assert!(!world.trail(alice).await.contains(&"identity.move done".to_owned()));
}

#[tokio::test]
async fn rename_with_a_subject_at_both_issuers_is_refused_and_changes_nothing() {
    let world = world_of_alice_and_reporter().await;
    let alice = world.known("alice").await;
    let other = Claims::for_test(NEW, SubjectKind::Human, "alice", world.now());
    assert_ne!(world.principals.resolve(&other).await.unwrap().principal().id, alice);
    let issuers = issuers(&world);
    for refused in [
        issuers.preview_rename(rename(ISSUER, NEW)).await,
        issuers.rename(&world.command_line(), rename(ISSUER, NEW)).await,
    ] {
        assert!(matches!(refused, Err(Failure::Conflict { .. })));
    }
    assert_eq!(world.known("alice").await, alice);
}

#[tokio::test]
async fn rename_from_an_unused_issuer_or_to_an_invalid_one_is_refused() {
    let world = world_of_alice_and_reporter().await;
    for (from, to) in [("https://unused.test", NEW), (ISSUER, ""), (ISSUER, "a\nb"), (ISSUER, ISSUER)] {
        let refused = issuers(&world).rename(&world.command_line(), rename(from, to)).await;
        assert!(matches!(refused, Err(Failure::Invalid { .. })), "{from} {to}");
    }
}
