//! What a contact asks the database: by index, with statements that were prepared before.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use super::super::test_support::World;
use crate::database::{DatabaseError, DbConnection};
use crate::oidc::Profile;

/// What a connection was asked, and which of it it has prepared for the next time.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    statements: Vec<String>,
    prepared: Vec<String>,
}

impl Asked {
    fn take(&self) -> Noted {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Instrumentation for Asked {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let mut noted = self.0.lock().unwrap();
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let sql = query.to_string();
                let sql = sql.split(" -- binds").next().unwrap().to_owned();
                // What begins and ends a transaction is no query.
                if ["INSERT", "SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb)) {
                    noted.statements.push(sql);
                }
            }
            InstrumentationEvent::CacheQuery { sql, .. } => noted.prepared.push(sql.to_owned()),
            _ => {}
        }
    }
}

/// The world, whose one writing connection, which looks up all that a reading one does, tells what it is asked. Somebody was purged from it.
async fn observed(world: World) -> (World, Asked) {
    let asked = Asked::default();
    let told = asked.clone();
    let watch = move |conn: &mut DbConnection| {
        conn.set_instrumentation(told);
        Ok::<_, DatabaseError>(())
    };
    world.database.write(watch).await.unwrap();
    let gone = world.known("gone").await;
    world.users.delete(&world.command_line(), gone, None).await.unwrap();
    world.pass(31 * 24 * 3_600);
    assert_eq!(world.purge.run().await.unwrap(), 1);
    asked.0.lock().unwrap().statements.clear();
    (world, asked)
}

/// A contact of somebody of whom the provider says all that it can.
async fn come(world: &World, subject: &str, name: &str) {
    let profile = Profile {
        display_name: Some(name),
        given_name: Some(name),
        username: Some(subject),
        email: Some("somebody@example.test"),
        email_verified: Some(true),
        locale: Some("de"),
        ..Profile::default()
    };
    let claims = world.person(subject).with_profile(profile).with_roles(&["auditor", "member"]);
    world.principals.resolve(&claims).await.unwrap();
}

/// What is asked for somebody who comes, and comes again with something new. `quote` is what names are put between.
async fn statements(world: &World, asked: &Asked, quote: char) -> Vec<String> {
    come(world, "alice", "Alice").await;
    world.pass(3_600);
    come(world, "alice", "Ally").await;
    let statements = asked.take().statements;
    for table in ["identities", "principals", "principal_terms", "role_grants", "roles", "tombstones"] {
        let name = format!("{quote}{table}{quote}");
        assert!(statements.iter().any(|sql| sql.contains(&name)), "nothing was asked of {table}");
    }
    statements
}

#[tokio::test]
async fn a_contact_finds_its_rows_by_an_index() {
    let (world, asked) = observed(World::in_file()).await;
    let statements = statements(&world, &asked, '`').await;
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

/// As much as PostgreSQL tells of tables that are as good as empty, where it would rather read them whole: that it need not.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_contact_can_find_its_rows_by_an_index_on_a_server() {
    use diesel::connection::SimpleConnection;

    let world = World::new();
    if !world.is_on_server() {
        return;
    }
    let (world, asked) = observed(world).await;
    let statements = statements(&world, &asked, '"').await;
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

/// A line of a plan.
#[cfg(feature = "postgres")]
#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    step: String,
}

#[tokio::test]
async fn the_second_contact_prepares_no_statement() {
    let (world, asked) = observed(World::in_file()).await;
    come(&world, "alice", "Alice").await;
    let first = asked.take();
    for sql_text in &first.statements {
        assert!(first.prepared.contains(sql_text), "this is prepared anew each time: {sql_text}");
    }
    come(&world, "bob", "Bob").await;
    let second = asked.take();
    assert_eq!((second.prepared.len(), second.statements), (0, first.statements));
}
