//! Lists of people: filters, orders, search, and pages that miss and repeat nobody.

use std::collections::BTreeSet;

use diesel::{QueryDsl, RunQueryDsl};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::test_support::World;
use crate::database::{DatabaseError, DbConnection};
use crate::models::{PeopleFilter, PeopleOrder, PrincipalId, PrincipalStatus, ProfileField};
use crate::oidc::Profile;
use crate::repositories::principals;

/// A person with this name, user name and e-mail address.
async fn named(world: &World, subject: &str, name: &str) -> PrincipalId {
    let email = format!("{subject}@Example.test");
    let profile =
        Profile { display_name: Some(name), username: Some(subject), email: Some(&email), ..Profile::default() };
    world.principals.resolve(&world.person(subject).with_profile(profile)).await.unwrap().principal().id
}

async fn found(world: &World, filter: PeopleFilter, order: PeopleOrder) -> Vec<PrincipalId> {
    let page = world.users.search(filter, order, None, 200).await.unwrap();
    page.items.into_iter().map(|person| person.id).collect()
}

async fn matching(world: &World, prefix: &str) -> Vec<PrincipalId> {
    found(world, PeopleFilter::default(), PeopleOrder::Match(prefix.to_owned())).await
}

#[tokio::test]
async fn a_prefix_finds_people_by_name_word_of_it_user_name_and_address_whatever_the_case() {
    let world = World::new();
    let ann = named(&world, "aking", "Ann Lee Öztürk").await;
    let bob = named(&world, "anton", "Bob").await;
    assert_eq!(matching(&world, "AN").await, [ann, bob], "by what matches: `ann lee`, then `anton`");
    for prefix in ["ann lee", "LEE", "ÖZT", "aking", "aking@example.T"] {
        assert_eq!(matching(&world, prefix).await, [ann], "{prefix}");
    }
    for prefix in ["nn", "%", "_", "example"] {
        assert_eq!(matching(&world, prefix).await, [], "{prefix}");
    }
}

#[tokio::test]
async fn a_new_name_is_found_and_the_old_one_is_not() {
    let world = World::new();
    let ann = named(&world, "aking", "Ann").await;
    world.pass(3_600);
    named(&world, "aking", "Zoe").await;
    assert_eq!((matching(&world, "zoe").await, matching(&world, "ann").await), (vec![ann], vec![]));
}

#[tokio::test]
async fn filters_leave_those_who_meet_all_of_them() {
    let world = World::new();
    let admin = world.known_with("root", "admin").await;
    let (ann, bob) = (named(&world, "ann", "Ann").await, named(&world, "bob", "Bob").await);
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
    assert_eq!(by(None, None, Some("bob")).await, [], "an address is whole");
    for order in [PeopleOrder::DisplayName, PeopleOrder::LastSeen, PeopleOrder::Match("bo".into())] {
        let auditors = PeopleFilter { status: active, role: Some("auditor".into()), email: None };
        assert_eq!(found(&world, auditors, order).await, [bob]);
    }
    world.pass(60);
    assert_eq!(by(None, Some("auditor"), None).await, [], "a grant that has ended is none");
}

#[tokio::test]
async fn a_role_held_twice_shows_its_holder_once() {
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

/// What somebody else does between two pages. Persons are counted as they come.
#[derive(Clone, Debug)]
enum Meanwhile {
    Comes { name: &'static str, was_seen: bool },
    Goes(usize),
}

const NAMES: [&str; 4] = ["An", "Ann", "Anna", "Bea Ann"];

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    prop_oneof![
        (select(NAMES.to_vec()), any::<bool>()).prop_map(|(name, was_seen)| Meanwhile::Comes { name, was_seen }),
        (0..30_usize).prop_map(Meanwhile::Goes),
    ]
}

fn question() -> impl Strategy<Value = (PeopleFilter, PeopleOrder)> {
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

/// Adds a person who is found, holds `member` and, if they were ever seen, was seen at a time that others share.
async fn comes(world: &World, number: usize, name: &'static str, was_seen: bool) -> PrincipalId {
    let id = world.known(&format!("person-{number}")).await;
    let now = world.now();
    let describe = move |conn: &mut DbConnection| {
        let mut person = principals::find(conn, id)?.unwrap();
        person.set_profile_field(ProfileField::DisplayName, Some(name.to_owned()));
        person.username = Some("Anton".to_owned());
        person.last_seen_at = was_seen.then(|| now.into());
        Ok::<_, DatabaseError>(principals::update(conn, &person)?)
    };
    world.database.write(describe).await.unwrap();
    id
}

async fn goes(world: &World, id: PrincipalId) {
    let gone = move |conn: &mut DbConnection| {
        diesel::delete(crate::schema::principals::table.find(id)).execute(conn)?;
        Ok::<_, DatabaseError>(())
    };
    world.database.write(gone).await.unwrap();
}

/// Pages through a list of `people` while the steps happen, two after each page. Returns who was shown, and who was there throughout.
async fn page_through(
    world: &World,
    (filter, order): (PeopleFilter, PeopleOrder),
    mut people: Vec<PrincipalId>,
    steps: Vec<Meanwhile>,
) -> (Vec<PrincipalId>, BTreeSet<PrincipalId>) {
    let mut stayed: BTreeSet<_> = people.iter().copied().collect();
    let (mut shown, mut after, mut steps) = (Vec::new(), None, steps.into_iter());
    loop {
        let page = world.users.search(filter.clone(), order.clone(), after, 3).await.unwrap();
        shown.extend(page.items.iter().map(|person| person.id));
        for step in steps.by_ref().take(2) {
            match step {
                Meanwhile::Comes { name, was_seen } => people.push(comes(world, people.len(), name, was_seen).await),
                Meanwhile::Goes(number) => {
                    if let Some(id) = people.get(number).copied() {
                        stayed.remove(&id);
                        goes(world, id).await;
                    }
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return (shown, stayed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn who_stays_is_on_exactly_one_page(
        question in question(),
        at_first in proptest::collection::vec((select(NAMES.to_vec()), any::<bool>()), 0..14),
        steps in proptest::collection::vec(meanwhile(), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (shown, stayed) = runtime.block_on(async {
            let world = World::new();
            let mut people = Vec::new();
            for (name, was_seen) in at_first {
                people.push(comes(&world, people.len(), name, was_seen).await);
            }
            page_through(&world, question, people, steps).await
        });
        let once: BTreeSet<_> = shown.iter().copied().collect();
        prop_assert_eq!(once.len(), shown.len(), "somebody was shown twice");
        prop_assert!(stayed.is_subset(&once), "somebody was skipped");
    }
}
