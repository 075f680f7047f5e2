//! Query plans: every list scans an index from the start of its page, without sorting or reading other users.
//!
//! Tested with SQLite, whose plan does not depend on the number of rows. docs/scaling.md describes the plans of PostgreSQL.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::*;
use crate::database::{Database, DatabaseError};
use crate::models::{Grant, GrantSource, Origin};
use crate::repositories::{grants, principals as stored};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Records the statements of a connection.
struct Statements(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let sql = query.to_string();
            self.0.lock().unwrap().push(sql.split(" -- binds").next().unwrap().to_owned());
        }
    }
}

/// The steps of the query plans of all statements of a list.
async fn steps(
    database: &Database,
    filter: PeopleFilter,
    order: PeopleOrder,
    after: Option<PeoplePlace>,
) -> Vec<String> {
    let work = move |conn: &mut DbConnection| {
        let statements = Arc::new(Mutex::new(Vec::new()));
        conn.set_instrumentation(Statements(Arc::clone(&statements)));
        list(conn, &filter, &order, after.as_ref(), chrono::DateTime::UNIX_EPOCH, 51)?;
        conn.set_instrumentation(Statements(Arc::default()));
        let statements = statements.lock().unwrap().clone();
        let plans: QueryResult<Vec<_>> = statements.iter().map(|statement| plan(conn, statement)).collect();
        Ok::<_, DatabaseError>(plans?.concat())
    };
    database.read(work).await.unwrap()
}

fn plan(conn: &mut DbConnection, statement: &str) -> QueryResult<Vec<String>> {
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(conn)?;
    Ok(steps.into_iter().map(|step| step.detail).collect())
}

/// Creates more than [`FEW_HOLDERS`] holders of `member`, so that the role is checked during the index scan.
async fn with_many_members(database: &Database) {
    let now = Moment::from(chrono::DateTime::UNIX_EPOCH);
    let fill = move |conn: &mut DbConnection| {
        for _ in 0..=FEW_HOLDERS {
            let user = Principal::new(PrincipalKind::Human, PrincipalStatus::Active, Origin::Manual, now);
            stored::insert(conn, &user)?;
            let grant = Grant {
                principal_id: user.id,
                role: "member".to_owned(),
                source: GrantSource::Manual,
                source_ref: String::new(),
                granted_by: None,
                granted_at: now,
                expires_at: None,
            };
            grants::insert(conn, &grant)?;
        }
        Ok::<_, DatabaseError>(())
    };
    database.write(fill).await.unwrap();
}

fn filtered(status: Option<PrincipalStatus>, role: Option<&str>) -> PeopleFilter {
    PeopleFilter { status, role: role.map(str::to_owned), email: None }
}

#[tokio::test]
async fn page_starts_in_the_index_of_its_order_without_sorting() {
    let (_folder, database) = Database::temporary_file();
    with_many_members(&database).await;
    let (id, disabled) = (PrincipalId::generate(), Some(PrincipalStatus::Disabled));
    let name = || Some(PeoplePlace::DisplayName("n".into(), id));
    let seen = || Some(PeoplePlace::LastSeen(Some(chrono::DateTime::UNIX_EPOCH.into()), id));
    let never = || Some(PeoplePlace::LastSeen(None, id));
    let matched = || Some(PeoplePlace::Match("an".into(), id));
    let by_match = || PeopleOrder::Match("a".into());
    let cases = [
        (filtered(None, None), PeopleOrder::Id, Some(PeoplePlace::Id(id)), "principals_by_kind (kind=? AND id>?)"),
        (
            filtered(None, None),
            PeopleOrder::DisplayName,
            name(),
            "principals_by_name (kind=? AND (display_name_ci,id)>(?,?))",
        ),
        (
            filtered(None, None),
            PeopleOrder::LastSeen,
            seen(),
            "principals_by_last_seen (kind=? AND (last_seen_at,id)>(?,?))",
        ),
        (
            filtered(None, None),
            PeopleOrder::LastSeen,
            never(),
            "principals_by_last_seen (kind=? AND last_seen_at=? AND id>?)",
        ),
        (
            filtered(disabled, None),
            PeopleOrder::Id,
            Some(PeoplePlace::Id(id)),
            "principals_by_status (kind=? AND status=? AND id>?)",
        ),
        (
            filtered(disabled, None),
            PeopleOrder::DisplayName,
            name(),
            "principals_by_status_and_name (kind=? AND status=? AND (display_name_ci,id)>(?,?))",
        ),
        (
            filtered(disabled, None),
            PeopleOrder::LastSeen,
            seen(),
            "principals_by_status_and_last_seen (kind=? AND status=? AND (last_seen_at,id)>(?,?))",
        ),
        (
            filtered(None, Some("member")),
            PeopleOrder::Id,
            Some(PeoplePlace::Id(id)),
            "role_grants_by_role (role=? AND principal_id>?)",
        ),
        (filtered(disabled, Some("member")), PeopleOrder::Id, None, "role_grants_by_role (role=?)"),
        (
            filtered(None, Some("member")),
            PeopleOrder::DisplayName,
            name(),
            "principals_by_name (kind=? AND (display_name_ci,id)>(?,?))",
        ),
        (
            filtered(None, None),
            by_match(),
            matched(),
            "principal_terms USING PRIMARY KEY ((term,principal_id)>(?,?) AND term<?)",
        ),
        (filtered(None, None), by_match(), None, "principal_terms USING PRIMARY KEY (term>? AND term<?)"),
        (filtered(disabled, Some("member")), by_match(), None, "principal_terms USING PRIMARY KEY (term>? AND term<?)"),
    ];
    for (filter, order, after, index) in cases {
        let steps = steps(&database, filter.clone(), order.clone(), after).await;
        assert!(steps.iter().any(|step| step.contains(index)), "{filter:?} {order:?}: {index} is not in {steps:#?}");
        let wasted = steps.iter().find(|step| step.starts_with("SCAN ") || step.contains("TEMP B-TREE"));
        assert_eq!(wasted, None, "{filter:?} {order:?}: {steps:#?}");
    }
}

#[tokio::test]
async fn email_filter_uses_the_index_in_every_order() {
    let (_folder, database) = Database::temporary_file();
    for order in [PeopleOrder::Id, PeopleOrder::DisplayName, PeopleOrder::Match("a".into())] {
        let filter = PeopleFilter { email: Some("A@b".into()), ..PeopleFilter::default() };
        let steps = steps(&database, filter, order, None).await;
        assert!(steps.iter().any(|step| step.contains("(term=?")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN ")), "{steps:#?}");
    }
}
