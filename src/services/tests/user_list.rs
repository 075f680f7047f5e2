//! The user list: filters, orders, search and stable pagination.

use std::collections::BTreeSet;

use diesel::{QueryDsl, RunQueryDsl};
use proptest::prelude::*;
use proptest::sample::select;

use crate::database::{DatabaseError, DbConnection};
use crate::models::{PeopleFilter, PeopleOrder, PrincipalId, PrincipalStatus, ProfileField};
use crate::oidc::Profile;
use crate::repositories::principals;
use crate::services::test_support::World;

/// Creates a user with this display name, user name and e-mail address.
async fn create_user(world: &World, subject: &str, name: &str) -> PrincipalId {
    let email = format!("{subject}@Example.test");
    let profile =
        Profile { display_name: Some(name), username: Some(subject), email: Some(&email), ..Profile::default() };
    world.principals.resolve(&world.person(subject).with_profile(profile)).await.unwrap().principal().id
}

async fn found(world: &World, filter: PeopleFilter, order: PeopleOrder) -> Vec<PrincipalId> {
    let page = world.users.search(filter, order, None, 200).await.unwrap();
    page.items.into_iter().map(|user| user.id).collect()
}

async fn matching(world: &World, prefix: &str) -> Vec<PrincipalId> {
    found(world, PeopleFilter::default(), PeopleOrder::Match(prefix.to_owned())).await
}

#[tokio::test]
async fn prefix_matches_name_words_user_name_and_email_without_case() {
    let world = World::new();
    let ann = create_user(&world, "aking", "Ann Lee Öztürk").await;
    let bob = create_user(&world, "anton", "Bob").await;
    assert_eq!(matching(&world, "AN").await, [ann, bob], "ordered by matching term: `ann lee`, then `anton`");
    for prefix in ["ann lee", "LEE", "ÖZT", "aking", "aking@example.T"] {
        assert_eq!(matching(&world, prefix).await, [ann], "{prefix}");
    }
    for prefix in ["nn", "%", "_", "example"] {
        assert_eq!(matching(&world, prefix).await, [], "{prefix}");
    }
}

#[tokio::test]
async fn search_finds_the_new_name_and_not_the_former() {
    let world = World::new();
    let ann = create_user(&world, "aking", "Ann").await;
    world.pass(3_600);
    create_user(&world, "aking", "Zoe").await;
    assert_eq!((matching(&world, "zoe").await, matching(&world, "ann").await), (vec![ann], vec![]));
}

#[tokio::test]
async fn combined_filters_return_users_that_match_all() {
    let world = World::new();
    let admin = world.known_with("root", "admin").await;
    let (ann, bob) = (create_user(&world, "ann", "Ann").await, create_user(&world, "bob", "Bob").await);
    let (cli, users) = (world.command_line(), &world.users);
    users.disable(&cli, ann, None, None).await.unwrap();
    let end = world.now() + chrono::TimeDelta::seconds(60);
    for id in [ann, bob] {
        users.grant_role(&cli, id, "auditor", Some(end), None).await.unwrap();
    }
    let by = |status, role: Option<&str>, email: Option<&str>| {
        let filter = PeopleFilter { status, role: role.map(str::to_owned), email: email.map(str::to_owned) };
        found(&world, filter, PeopleOrder::Id)
    };
    let (active, disabled) = (Some(PrincipalStatus::Active), Some(PrincipalStatus::Disabled));
    assert_eq!(by(None, None, None).await, [admin, ann, bob]);
    assert_eq!(by(disabled, None, None).await, [ann]);
    assert_eq!(by(None, Some("auditor"), None).await, [ann, bob]);
    assert_eq!(by(active, Some("auditor"), None).await, [bob]);
    assert_eq!(by(None, None, Some("BOB@example.TEST")).await, [bob]);
    assert_eq!(by(disabled, None, Some("bob@example.test")).await, []);
    assert_eq!(by(None, None, Some("bob")).await, [], "the filter matches the whole address");
    for order in [PeopleOrder::DisplayName, PeopleOrder::LastSeen, PeopleOrder::Match("bo".into())] {
        let auditors = PeopleFilter { status: active, role: Some("auditor".into()), email: None };
        assert_eq!(found(&world, auditors, order).await, [bob]);
    }
    world.pass(60);
    assert_eq!(by(None, Some("auditor"), None).await, [], "an expired grant does not count");
}

#[tokio::test]
async fn user_with_two_grants_of_a_role_is_listed_once() {
    let world = World::with(crate::oidc::JitMode::Active, Some("root"));
    let root = world.known("root").await;
    let twice = "INSERT INTO role_grants (principal_id, role, source, source_ref, granted_at)
                 SELECT principal_id, role, 'scim', 'group', granted_at FROM role_grants WHERE role = 'admin'";
    let given = world.database.write(move |conn| {
        diesel::connection::SimpleConnection::batch_execute(conn, twice)?;
        Ok::<_, DatabaseError>(())
    });
    given.await.unwrap();
    for order in [PeopleOrder::Id, PeopleOrder::DisplayName, PeopleOrder::LastSeen] {
        let admins = PeopleFilter { role: Some("admin".into()), ..PeopleFilter::default() };
        assert_eq!(found(&world, admins, order).await, [root]);
    }
}

/// A concurrent change between two pages. Users are numbered in order of creation.
#[derive(Clone, Debug)]
enum ConcurrentChange {
    Create { name: &'static str, was_seen: bool },
    Delete(usize),
}

const NAMES: [&str; 4] = ["An", "Ann", "Anna", "Bea Ann"];

fn concurrent_change() -> impl Strategy<Value = ConcurrentChange> {
    prop_oneof![
        (select(NAMES.to_vec()), any::<bool>())
            .prop_map(|(name, was_seen)| ConcurrentChange::Create { name, was_seen }),
        (0..30_usize).prop_map(ConcurrentChange::Delete),
    ]
}

fn filter_and_order() -> impl Strategy<Value = (PeopleFilter, PeopleOrder)> {
    let orders = vec![
        PeopleOrder::Id,
        PeopleOrder::DisplayName,
        PeopleOrder::LastSeen,
        PeopleOrder::Match("an".into()),
        PeopleOrder::Match("a".into()),
    ];
    let filters = vec![
        PeopleFilter::default(),
        PeopleFilter { status: Some(PrincipalStatus::Active), ..PeopleFilter::default() },
        PeopleFilter { role: Some("member".into()), ..PeopleFilter::default() },
    ];
    (select(filters), select(orders))
}

/// Creates a user that every filter and search matches. If `was_seen`, the time of the last visit is the same as for others.
async fn create_listed_user(world: &World, number: usize, name: &'static str, was_seen: bool) -> PrincipalId {
    let id = world.known(&format!("person-{number}")).await;
    let now = world.now();
    let describe = move |conn: &mut DbConnection| {
        let mut user = principals::find(conn, id)?.unwrap();
        user.set_profile_field(ProfileField::DisplayName, Some(name.to_owned()));
        user.username = Some("Anton".to_owned());
        user.last_seen_at = was_seen.then(|| now.into());
        Ok::<_, DatabaseError>(principals::update(conn, &user)?)
    };
    world.database.write(describe).await.unwrap();
    id
}

async fn delete_user(world: &World, id: PrincipalId) {
    let delete = move |conn: &mut DbConnection| {
        diesel::delete(crate::schema::principals::table.find(id)).execute(conn)?;
        Ok::<_, DatabaseError>(())
    };
    world.database.write(delete).await.unwrap();
}

/// Pages through a list of `users` while the changes happen, two after each page. Returns the listed users, and the users that were
/// present throughout.
async fn page_through(
    world: &World,
    (filter, order): (PeopleFilter, PeopleOrder),
    mut users: Vec<PrincipalId>,
    changes: Vec<ConcurrentChange>,
) -> (Vec<PrincipalId>, BTreeSet<PrincipalId>) {
    let mut stayed: BTreeSet<_> = users.iter().copied().collect();
    let (mut listed, mut after, mut changes) = (Vec::new(), None, changes.into_iter());
    loop {
        let page = world.users.search(filter.clone(), order.clone(), after, 3).await.unwrap();
        listed.extend(page.items.iter().map(|user| user.id));
        for change in changes.by_ref().take(2) {
            match change {
                ConcurrentChange::Create { name, was_seen } => {
                    users.push(create_listed_user(world, users.len(), name, was_seen).await);
                }
                ConcurrentChange::Delete(number) => {
                    if let Some(id) = users.get(number).copied() {
                        stayed.remove(&id);
                        delete_user(world, id).await;
                    }
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return (listed, stayed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn user_present_throughout_is_on_exactly_one_page(
        filter_and_order in filter_and_order(),
        initial in proptest::collection::vec((select(NAMES.to_vec()), any::<bool>()), 0..14),
        changes in proptest::collection::vec(concurrent_change(), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (listed, stayed) = runtime.block_on(async {
            let world = World::new();
            let mut users = Vec::new();
            for (name, was_seen) in initial {
                users.push(create_listed_user(&world, users.len(), name, was_seen).await);
            }
            page_through(&world, filter_and_order, users, changes).await
        });
        let distinct: BTreeSet<_> = listed.iter().copied().collect();
        prop_assert_eq!(distinct.len(), listed.len(), "a user was listed twice");
        prop_assert!(stayed.is_subset(&distinct), "a user was skipped");
    }
}
