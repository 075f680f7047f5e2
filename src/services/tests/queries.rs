//! The queries of a first contact: they use indexes and cached prepared statements.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use crate::database::{DatabaseError, DbConnection};
use crate::oidc::Profile;
use crate::services::test_support::World;

/// Records the statements of a connection, and those that it keeps prepared.
#[derive(Clone, Default)]
struct StatementLog(Arc<Mutex<Statements>>);

#[derive(Default)]
struct Statements {
    statements: Vec<String>,
    prepared: Vec<String>,
}

impl StatementLog {
    fn take(&self) -> Statements {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Instrumentation for StatementLog {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let mut recorded = self.0.lock().unwrap();
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let sql = query.to_string();
                let sql = sql.split(" -- binds").next().unwrap().to_owned();
                // Transaction control is not recorded.
                if ["INSERT", "SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb)) {
                    recorded.statements.push(sql);
                }
            }
            InstrumentationEvent::CacheQuery { sql, .. } => recorded.prepared.push(sql.to_owned()),
            _ => {}
        }
    }
}

/// Returns a world with one purged user, and the log of its only write connection, which runs every query that a read connection runs.
async fn observed(world: World) -> (World, StatementLog) {
    let log = StatementLog::default();
    let instrumentation = log.clone();
    let watch = move |conn: &mut DbConnection| {
        conn.set_instrumentation(instrumentation);
        Ok::<_, DatabaseError>(())
    };
    world.database.write(watch).await.unwrap();
    let purged = world.known("purged").await;
    world.users.delete(&world.command_line(), purged, None).await.unwrap();
    world.pass(31 * 24 * 3_600);
    assert_eq!(world.purge.run().await.unwrap(), 1);
    log.0.lock().unwrap().statements.clear();
    (world, log)
}

/// Resolves a token with all profile claims.
async fn visit(world: &World, subject: &str, name: &str) {
    let profile = Profile {
        display_name: Some(name),
        given_name: Some(name),
        username: Some(subject),
        email: Some("user@example.test"),
        email_verified: Some(true),
        locale: Some("de"),
        ..Profile::default()
    };
    let claims = world.person(subject).with_profile(profile).with_roles(&["auditor", "member"]);
    world.principals.resolve(&claims).await.unwrap();
}

/// Returns the statements of a first visit and of a second one with a changed profile. `quote` is the quote of identifiers.
async fn statements(world: &World, log: &StatementLog, quote: char) -> Vec<String> {
    visit(world, "alice", "Alice").await;
    world.pass(3_600);
    visit(world, "alice", "Ally").await;
    let statements = log.take().statements;
    for table in ["identities", "principals", "principal_terms", "role_grants", "roles", "tombstones"] {
        let name = format!("{quote}{table}{quote}");
        assert!(statements.iter().any(|sql| sql.contains(&name)), "no statement reads or writes {table}");
    }
    statements
}

#[tokio::test]
async fn first_contact_finds_its_rows_by_an_index() {
    let (world, log) = observed(World::in_file()).await;
    let statements = statements(&world, &log, '`').await;
    let plans = world
        .query(move |conn| {
            let plan = |sql_text: &String| {
                let plan = sql::<(Integer, Integer, Integer, Text)>(&format!("EXPLAIN QUERY PLAN {sql_text}"));
                let steps = plan.load::<(i32, i32, i32, String)>(conn)?;
                Ok::<_, diesel::result::Error>((sql_text.clone(), steps))
            };
            statements.iter().map(plan).collect::<QueryResult<Vec<_>>>()
        })
        .await;
    for (sql_text, steps) in plans {
        for (_, _, _, step) in steps {
            assert!(!step.starts_with("SCAN"), "{step}: {sql_text}");
        }
    }
}

/// PostgreSQL prefers sequential scans for nearly empty tables. With those disabled, the plans show that an index exists.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn first_contact_can_find_its_rows_by_an_index_on_postgres() {
    use diesel::connection::SimpleConnection;

    let world = World::new();
    if !world.is_on_server() {
        return;
    }
    let (world, log) = observed(world).await;
    let statements = statements(&world, &log, '"').await;
    let plans = world
        .query(move |conn| {
            conn.batch_execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")?;
            let plan = |statement: &String| {
                let parameters = (1..).take_while(|number| statement.contains(&format!("${number}"))).count();
                let unknown = vec!["NULL"; parameters].join(", ");
                let arguments = if unknown.is_empty() { unknown } else { format!("({unknown})") };
                conn.batch_execute(&format!("PREPARE contact AS {statement}"))?;
                let explain = diesel::sql_query(format!("EXPLAIN EXECUTE contact{arguments}"));
                let steps: Vec<Step> = explain.load(conn)?;
                conn.batch_execute("DEALLOCATE contact")?;
                Ok::<_, diesel::result::Error>((statement.clone(), steps))
            };
            statements.iter().map(plan).collect::<QueryResult<Vec<_>>>()
        })
        .await;
    for (statement, steps) in plans {
        for Step { step } in steps {
            assert!(!step.contains("Seq Scan"), "{step}: {statement}");
        }
    }
}

/// A step of a query plan.
#[cfg(feature = "postgres")]
#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    step: String,
}

#[tokio::test]
async fn first_contact_of_another_user_prepares_no_statement() {
    let (world, log) = observed(World::in_file()).await;
    visit(&world, "alice", "Alice").await;
    let first = log.take();
    for sql_text in &first.statements {
        assert!(first.prepared.contains(sql_text), "statement is prepared each time: {sql_text}");
    }
    visit(&world, "bob", "Bob").await;
    let second = log.take();
    assert_eq!((second.prepared.len(), second.statements), (0, first.statements));
}
