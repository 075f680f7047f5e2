//! User records: creation, update, deletion, restoration, purge, readmission and export.

use std::collections::BTreeSet;

use crate::models::{EmailState, Origin, PrincipalId, PrincipalStatus, ProfileField};
use crate::oidc::Profile;
use crate::repositories::identities;
use crate::services::test_support::{ISSUER, World, names};
use crate::services::{
    Actor, Failure, KnownPrincipal, NewIdentity, NewUser, Once, ProfileEdit, StoredResponse, UserEdit,
};

const A_MONTH: u64 = 30 * 24 * 60 * 60;

fn identity(subject: &str) -> NewIdentity {
    NewIdentity { issuer: ISSUER.to_owned(), subject: subject.to_owned() }
}

fn new_user(subject: &str) -> NewUser {
    NewUser {
        profile: ProfileEdit::default().with(ProfileField::DisplayName, Some("Ann".to_owned())),
        username: Some("ann".to_owned()),
        email: Some("ann@example.test".to_owned()),
        expires_at: None,
        identities: vec![identity(subject)],
        roles: None,
    }
}

fn once(key: Option<&str>, request_hash: &str) -> Once<KnownPrincipal> {
    Once {
        key: key.map(str::to_owned),
        operation: "users.create",
        request_hash: request_hash.to_owned(),
        answer: |user| serde_json::json!({ "version": user.principal().version }),
    }
}

async fn create(world: &World, actor: &Actor, user: NewUser) -> Result<PrincipalId, Failure> {
    world.users.create(actor, user, once(None, "")).await.map(|answer| answer.id)
}

/// The provider's profile of the user; every value differs from those that an admin sets.
fn provider_profile() -> Profile<'static> {
    Profile {
        display_name: Some("Provider's Ann"),
        given_name: Some("Annabel"),
        username: Some("provider-ann"),
        email: Some("provider@example.test"),
        email_verified: Some(true),
        ..Profile::default()
    }
}

#[tokio::test]
async fn created_user_signs_in_with_the_given_roles_and_names() {
    let world = World::new();
    let user = NewUser { roles: Some(BTreeSet::from(["auditor".to_owned()])), ..new_user("sub") };
    let ann = create(&world, &world.command_line(), user).await.unwrap();
    let claims = world.person("sub").with_profile(provider_profile());
    let known = world.principals.resolve(&claims).await.unwrap();
    let principal = known.principal();
    assert_eq!((principal.id, principal.origin, names(&known)), (ann, Origin::Manual, BTreeSet::from(["auditor"])));
    assert_eq!(principal.display_name.as_deref(), Some("Ann"), "set by the admin");
    assert_eq!(principal.given_name.as_deref(), Some("Annabel"), "follows the provider");
    assert_eq!(principal.username.as_deref(), Some("ann"), "managed by the admin");
    assert_eq!((principal.email.as_deref(), principal.email_state), (Some("ann@example.test"), EmailState::Unknown));
    assert_eq!(world.trail(ann).await, ["user.create done", "user.follow-provider done"]);
}

#[tokio::test]
async fn identity_cannot_be_linked_to_two_users() {
    let world = World::new();
    let (cli, bob) = (world.command_line(), world.known("bob").await);
    assert!(matches!(create(&world, &cli, new_user("bob")).await, Err(Failure::Conflict { field: "subject" })));
    let twice = NewUser { identities: vec![identity("a"), identity("a")], ..new_user("a") };
    assert!(matches!(create(&world, &cli, twice).await, Err(Failure::Conflict { field: "subject" })));
    let ann = create(&world, &cli, new_user("ann")).await.unwrap();
    let taken = world.users.link_identity(&cli, ann, identity("bob"), None).await;
    assert!(matches!(taken, Err(Failure::Conflict { field: "subject" })));
    assert_eq!(world.count_principals().await, 2, "{bob} and {ann}");
}

#[tokio::test]
async fn creation_with_an_invalid_member_names_it() {
    let world = World::new();
    let elsewhere = NewIdentity { issuer: "https://other.test".into(), subject: "s".into() };
    let now = Some(world.now());
    for (field, user) in [
        ("identities", NewUser { identities: vec![], ..new_user("a") }),
        ("identities", NewUser { identities: vec![identity("a"); 21], ..new_user("a") }),
        ("issuer", NewUser { identities: vec![elsewhere], ..new_user("a") }),
        ("subject", NewUser { identities: vec![identity("a\u{0}")], ..new_user("a") }),
        ("username", NewUser { username: Some(" ".into()), ..new_user("a") }),
        ("email", NewUser { email: Some("x".repeat(256)), ..new_user("a") }),
        ("expires_at", NewUser { expires_at: now, ..new_user("a") }),
        ("roles", NewUser { roles: Some(BTreeSet::from(["none".to_owned()])), ..new_user("a") }),
    ] {
        let outcome = create(&world, &world.command_line(), user).await;
        assert!(
            matches!(&outcome, Err(Failure::Invalid { field: named, .. }) if *named == field),
            "{field}: {outcome:?}"
        );
    }
    assert_eq!(world.count_principals().await, 0);
}

#[tokio::test]
async fn repeated_creation_returns_the_stored_response() {
    let world = World::new();
    let (root, other) = (world.known_with("root", "admin").await, world.known_with("other", "admin").await);
    let (by_root, by_other) = (world.actor(root).await, world.actor(other).await);
    let send = |actor: Actor, key: &'static str, hash: &'static str, subject: &'static str| {
        let users = world.users.clone();
        async move { users.create(&actor, new_user(subject), once(Some(key), hash)).await }
    };
    let (first, second) = tokio::join!(send(by_root.clone(), "k", "h", "ann"), send(by_root.clone(), "k", "h", "ann"));
    let first: StoredResponse = first.unwrap();
    assert_eq!(second.unwrap(), first);
    world.users.disable(&by_root, first.id, None, None).await.unwrap();
    assert_eq!(send(by_root.clone(), "k", "h", "ann").await.unwrap(), first, "the first response again");
    assert!(matches!(send(by_root.clone(), "k", "other", "ann").await, Err(Failure::KeyReused)));
    let others_key = send(by_other, "k", "h", "ann").await;
    assert!(matches!(others_key, Err(Failure::Conflict { .. })), "keys of different callers are independent");
    world.pass(24 * 60 * 60);
    assert!(matches!(send(by_root, "k", "h", "ann").await, Err(Failure::Conflict { .. })), "expired after a day");
    assert_eq!(world.count_principals().await, 3);
}

#[tokio::test]
async fn refused_creation_stores_no_response() {
    let world = World::new();
    let root = world.actor(world.known_with("root", "admin").await).await;
    let refused = NewUser { roles: Some(BTreeSet::from(["none".to_owned()])), ..new_user("ann") };
    assert!(world.users.create(&root, refused, once(Some("k"), "h")).await.is_err());
    world.users.create(&root, new_user("ann"), once(Some("k"), "other")).await.unwrap();
}

#[tokio::test]
async fn name_set_by_an_admin_stays_until_it_is_cleared() {
    let world = World::new();
    let claims = world.person("ann").with_profile(provider_profile());
    let ann = world.principals.resolve(&claims).await.unwrap().principal().id;
    let (cli, users) = (world.command_line(), &world.users);
    let rename = |name: Option<&str>| UserEdit {
        profile: ProfileEdit::default().with(ProfileField::DisplayName, name.map(str::to_owned)),
        ..UserEdit::default()
    };
    users.update(&cli, ann, rename(Some("Ann A.")), Some(1)).await.unwrap();
    let shown = world.principals.resolve(&claims).await.unwrap();
    assert_eq!(shown.principal().display_name.as_deref(), Some("Ann A."));
    let cleared = users.update(&cli, ann, rename(None), Some(2)).await.unwrap();
    assert_eq!(cleared.principal().display_name.as_deref(), Some("Provider's Ann"));
    assert!(matches!(users.update(&cli, ann, rename(Some("x")), Some(1)).await, Err(Failure::StaleVersion)));
}

#[tokio::test]
async fn username_and_email_are_editable_only_for_accounts_created_by_an_admin() {
    let world = World::new();
    let cli = world.command_line();
    let (ann, bob) = (create(&world, &cli, new_user("ann")).await.unwrap(), world.known("bob").await);
    let edit = UserEdit { email: Some(Some("new@example.test".into())), username: Some(None), ..UserEdit::default() };
    let edited = world.users.update(&cli, ann, edit.clone(), None).await.unwrap();
    assert_eq!(edited.principal().email.as_deref(), Some("new@example.test"));
    assert_eq!(edited.principal().username, None);
    let again = world.users.update(&cli, ann, edit.clone(), None).await.unwrap();
    assert_eq!(again.principal().version, edited.principal().version, "nothing changed");
    let refused = world.users.update(&cli, bob, edit, None).await;
    assert!(matches!(refused, Err(Failure::Invalid { field: "email", .. })), "{refused:?}");
}

#[tokio::test]
async fn deleted_user_is_refused_and_unlisted_until_restored_to_the_former_state() {
    let world = World::new();
    let (cli, users) = (world.command_line(), &world.users);
    let bob = world.known_with("bob", "auditor").await;
    users.disable(&cli, bob, Some("left".into()), None).await.unwrap();
    users.delete(&cli, bob, None).await.unwrap();
    assert!(matches!(world.principals.resolve(&world.person("bob")).await, Err(Failure::PrincipalDeleted)));
    assert!(matches!(users.find(bob).await, Err(Failure::NoSuchUser)));
    assert!(matches!(users.enable(&cli, bob, None).await, Err(Failure::NoSuchUser)));
    assert!(matches!(users.delete(&cli, bob, None).await, Err(Failure::NoSuchUser)));
    world.pass(A_MONTH - 1);
    let restored = users.restore(&cli, bob, None).await.unwrap();
    assert_eq!(
        (restored.principal().status, names(&restored)),
        (PrincipalStatus::Disabled, BTreeSet::from(["auditor", "member"]))
    );
    assert_eq!(restored.principal().disabled_reason.as_deref(), Some("left"));
    let again = users.restore(&cli, bob, None).await.unwrap();
    assert_eq!(again.principal().version, restored.principal().version);
    users.enable(&cli, bob, None).await.unwrap();
    world.principals.resolve(&world.person("bob")).await.unwrap();
}

#[tokio::test]
async fn purge_removes_all_personal_data_and_blocks_the_identity_until_readmission() {
    let world = World::new();
    let (cli, users) = (world.command_line(), &world.users);
    let profile = Profile { email: Some("bob@example.test"), ..provider_profile() };
    let bob = world.principals.resolve(&world.person("subject-4711").with_profile(profile)).await.unwrap();
    let bob = bob.principal().id;
    let staying = world.known("staying").await;
    users.delete(&cli, bob, None).await.unwrap();
    world.pass(A_MONTH - 1);
    assert_eq!(world.purge.run().await.unwrap(), 0);
    world.pass(1);
    assert!(matches!(users.restore(&cli, bob, None).await, Err(Failure::NoSuchUser)), "due, but not purged yet");
    assert_eq!(world.purge.run().await.unwrap(), 1);

    let stored = world.every_stored_text().await;
    for personal in ["4711", "bob@", "Annabel", "provider-ann"] {
        assert!(!stored.iter().any(|text| text.contains(personal)), "{personal} is still stored");
    }
    assert_eq!(world.trail(bob).await.last().map(String::as_str), Some("user.purge done"));
    assert!(matches!(world.principals.resolve(&world.person("subject-4711")).await, Err(Failure::PrincipalDeleted)));
    assert!(matches!(create(&world, &cli, new_user("subject-4711")).await, Err(Failure::Tombstoned)));
    let linked = users.link_identity(&cli, staying, identity("subject-4711"), None).await;
    assert!(matches!(linked, Err(Failure::Tombstoned)));
    world.known("subject-4712").await;

    assert!(users.readmit(&cli, identity("subject-4711")).await.unwrap());
    assert!(!users.readmit(&cli, identity("subject-4711")).await.unwrap());
    assert_ne!(world.known("subject-4711").await, bob, "readmission creates a new user");
}

#[tokio::test]
async fn purged_service_account_can_be_registered_again() {
    let world = World::new();
    let cli = world.command_line();
    let account = super::super::NewServiceAccount {
        issuer: ISSUER.into(),
        client_id: "robot".into(),
        display_name: "Robot".into(),
        roles: BTreeSet::new(),
    };
    let robot = world.service_accounts.register(&cli, account.clone()).await.unwrap().principal.id;
    world.service_accounts.delete(&cli, robot, None).await.unwrap();
    world.pass(A_MONTH);
    assert_eq!(world.purge.run().await.unwrap(), 1);
    world.service_accounts.register(&cli, account).await.unwrap();
}

#[tokio::test]
async fn linking_an_identity_revokes_earlier_tokens_and_is_refused_for_the_actor_itself() {
    let world = World::new();
    let cli = world.command_line();
    let bob = world.known("bob").await;
    let linked = world.users.link_identity(&cli, bob, identity("bob-too"), Some(1)).await.unwrap();
    assert!(linked.is_new);
    assert!(matches!(world.principals.resolve(&world.person("bob")).await, Err(Failure::TokenRevoked)));
    world.pass(1);
    assert_eq!(world.known("bob-too").await, bob);
    let again = world.users.link_identity(&cli, bob, identity("bob-too"), None).await.unwrap();
    assert_eq!((again.is_new, again.version), (false, linked.version));
    world.known("bob").await;

    let root = world.known_with("root", "admin").await;
    let own = world.users.link_identity(&world.actor(root).await, root, identity("root-too"), None).await;
    assert!(matches!(own, Err(Failure::OwnIdentity)));
}

#[tokio::test]
async fn last_identity_of_a_user_cannot_be_unlinked() {
    let world = World::new();
    let cli = world.command_line();
    let bob = world.known("bob").await;
    let first = world.query(move |conn| identities::list(conn, bob)).await.remove(0).id().to_owned();
    let last = world.users.unlink_identity(&cli, bob, first.clone(), None).await;
    assert!(matches!(last, Err(Failure::LastIdentity)));
    let second = world.users.link_identity(&cli, bob, identity("bob-too"), None).await.unwrap().identity;
    let ann = world.known("ann").await;
    let not_hers = world.users.unlink_identity(&cli, ann, first.clone(), None).await;
    assert!(matches!(not_hers, Err(Failure::NoSuchIdentity)));
    world.users.unlink_identity(&cli, bob, first, None).await.unwrap();
    let left = world.users.identities(bob).await.unwrap().0;
    assert_eq!(left.iter().map(|identity| identity.id()).collect::<Vec<_>>(), [second.id()]);
    world.pass(1);
    assert_ne!(world.known("bob").await, bob, "an unlinked identity creates a new user");
}

#[tokio::test]
async fn access_lists_effective_roles_and_stored_grants() {
    let world = World::new();
    let claims = world.person("bob").with_roles(&["auditor", "unknown"]);
    let bob = world.principals.resolve(&claims).await.unwrap().principal().id;
    let access = world.users.access(bob).await.unwrap();
    assert_eq!(names(&access.known), BTreeSet::from(["auditor", "member"]));
    assert_eq!(access.grants.iter().map(|grant| grant.role.as_str()).collect::<Vec<_>>(), ["member"]);
}

#[tokio::test]
async fn export_of_a_deleted_user_contains_identities_grants_and_history() {
    let world = World::new();
    let root = world.known_with("root", "admin").await;
    let bob = world.known("bob").await;
    world.users.disable(&world.actor(root).await, bob, None, None).await.unwrap();
    world.users.delete(&world.command_line(), bob, None).await.unwrap();
    let export = world.users.export(&world.command_line(), bob).await.unwrap();
    assert_eq!((export.user.id, export.identities.len(), export.grants.len()), (bob, 1, 1));
    assert!(export.has_history);
    assert_eq!(history(&world, bob, 100).await, ["user.create", "user.disable", "user.delete", "user.export"]);
    assert!(history(&world, root, 100).await.contains(&"user.disable".to_owned()));
}

#[tokio::test]
async fn history_pages_contain_each_event_once_in_order() {
    let world = World::new();
    let root = world.known_with("root", "admin").await;
    let (bob, by_root) = (world.known("bob").await, world.actor(root).await);
    // Root is the actor of some events, the target of others, and both in one event.
    for _ in 0..3 {
        world.users.disable(&by_root, bob, None, None).await.unwrap();
        world.users.grant_role(&world.command_line(), root, "auditor", None, None).await.unwrap();
        world.users.enable(&by_root, bob, None).await.unwrap();
        world.users.revoke_role(&by_root, root, "auditor", None).await.unwrap();
    }
    let whole = history(&world, root, 100).await;
    assert_eq!(whole.len(), 2 + 4 * 3, "{whole:?}");
    for limit in [1, 2, 3, 5] {
        assert_eq!(history(&world, root, limit).await, whole, "pages of {limit}");
    }
}

/// The actions of a principal's history, read in pages of `limit`.
async fn history(world: &World, id: PrincipalId, limit: u16) -> Vec<String> {
    let (mut actions, mut after) = (Vec::new(), None);
    loop {
        let page = world.users.history(id, after, limit).await.unwrap();
        actions.extend(page.items.iter().map(|entry| entry.event.action.as_str().to_owned()));
        after = page.next;
        if after.is_none() {
            return actions;
        }
    }
}
