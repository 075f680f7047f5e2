//! Edits of the own profile, and the precedence of edits over the provider.

use crate::models::{PrincipalId, ProfileField};
use crate::oidc::Profile;
use crate::services::test_support::World;
use crate::services::{Actor, Failure, ProfileEdit};

async fn resolve_alice_as(world: &World, given_name: &str) -> PrincipalId {
    let profile = Profile { given_name: Some(given_name), ..Profile::default() };
    world.principals.resolve(&world.person("alice").with_profile(profile)).await.unwrap().principal().id
}

fn given_name(name: Option<&str>) -> ProfileEdit {
    ProfileEdit::default().with(ProfileField::GivenName, name.map(str::to_owned))
}

#[tokio::test]
async fn edited_name_overrides_the_provider_until_the_edit_is_removed() {
    let world = World::new();
    let alice = resolve_alice_as(&world, "Alice").await;
    let actor = world.actor(alice).await;
    let edited = world.me.update(&actor, given_name(Some(" Ali ")), Some(1)).await.unwrap();
    assert_eq!((edited.given_name.as_deref(), edited.version), (Some("Ali"), 2));
    resolve_alice_as(&world, "Alicia").await;
    assert_eq!(world.user(alice).await.principal().given_name.as_deref(), Some("Ali"));
    let restored = world.me.update(&actor, given_name(None), None).await.unwrap();
    assert_eq!(restored.given_name.as_deref(), Some("Alicia"));
    resolve_alice_as(&world, "Alix").await;
    assert_eq!(world.user(alice).await.principal().given_name.as_deref(), Some("Alix"));
}

#[tokio::test]
async fn edit_is_audited_once_and_one_without_changes_is_not() {
    let world = World::new();
    let alice = resolve_alice_as(&world, "Alice").await;
    let actor = world.actor(alice).await;
    for _ in 0..2 {
        assert_eq!(world.me.update(&actor, given_name(Some("Ali")), None).await.unwrap().version, 2);
    }
    assert_eq!(world.me.update(&actor, ProfileEdit::default(), Some(2)).await.unwrap().version, 2);
    assert_eq!(world.trail(alice).await, ["user.create done", "user.edit-profile done"]);
}

#[tokio::test]
async fn edit_of_another_version_is_refused() {
    let world = World::new();
    let actor = world.actor(resolve_alice_as(&world, "Alice").await).await;
    let refusal = world.me.update(&actor, given_name(Some("Ali")), Some(7)).await;
    assert!(matches!(refusal, Err(Failure::StaleVersion)));
}

#[tokio::test]
async fn invalid_values_are_refused_by_field() {
    let world = World::new();
    let actor = world.actor(resolve_alice_as(&world, "Alice").await).await;
    let (long, line) = ("x".repeat(256), "two\nlines".to_owned());
    for name in ["", "  ", &long, &line] {
        let refusal = world.me.update(&actor, given_name(Some(name)), None).await;
        assert!(matches!(refusal, Err(Failure::Invalid { field: "given_name", .. })), "{name:?}");
    }
    for tag in ["de_AT", "-de", "de-", "überlang"] {
        let edit = ProfileEdit::default().with(ProfileField::Locale, Some(tag.into()));
        let refusal = world.me.update(&actor, edit, None).await;
        assert!(matches!(refusal, Err(Failure::Invalid { field: "locale", .. })), "{tag}");
    }
}

#[tokio::test]
async fn command_line_has_no_profile_to_edit() {
    let world = World::new();
    let actor: Actor = world.command_line();
    assert!(matches!(world.me.update(&actor, given_name(Some("x")), None).await, Err(Failure::NoSuchUser)));
}
