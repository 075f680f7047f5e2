//! What a contact asks SQLite: by index, with statements that were prepared before.

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

/// A world whose one writing connection, which looks up all that a reading one does, tells what it is asked. Somebody was purged from it.
async fn observed() -> (World, Asked) {
    let (world, asked) = (World::in_file(), Asked::default());
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

#[tokio::test]
async fn a_contact_finds_its_rows_by_an_index() {
    let (world, asked) = observed().await;
    come(&world, "alice", "Alice").await;
    world.pass(3_600);
    come(&world, "alice", "Ally").await;
    let statements = asked.take().statements;
    for table in ["identities", "principals", "principal_terms", "role_grants", "roles", "tombstones"] {
        assert!(statements.iter().any(|sql| sql.contains(&format!("`{table}`"))), "nothing was asked of {table}");
    }
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

#[tokio::test]
async fn the_second_contact_prepares_no_statement() {
    let (world, asked) = observed().await;
    come(&world, "alice", "Alice").await;
    let first = asked.take();
    for sql_text in &first.statements {
        assert!(first.prepared.contains(sql_text), "this is prepared anew each time: {sql_text}");
    }
    come(&world, "bob", "Bob").await;
    let second = asked.take();
    assert_eq!((second.prepared.len(), second.statements), (0, first.statements));
}
