//! Test environment for the services: a fresh database, a manual clock, one issuer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::{
    Actor, KnownPrincipal, MeService, PrincipalService, PurgeService, ResolvedPrincipal, ServiceAccountService,
    UserService,
};
use crate::clock::Clock;
use crate::database::testing::TestDatabase;
use crate::database::{Database, DatabaseError, DbConnection};
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::models::{IdentityKey, PrincipalId};
use crate::oidc::{Claims, JitMode, SubjectKind};
use crate::repositories::grants;
use crate::schema::{audit_events, principals};

pub(super) const ISSUER: &str = "https://issuer.test";

pub(super) struct World {
    test_database: TestDatabase,
    jit: JitMode,
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) permissions: Arc<DeclaredPermissions>,
    pub(super) principals: PrincipalService,
    pub(super) users: UserService,
    pub(super) me: MeService,
    pub(super) service_accounts: ServiceAccountService,
    pub(super) purge: PurgeService,
}

impl World {
    /// Users become active at first contact; no bootstrap admin is configured.
    pub(super) fn new() -> Self {
        Self::with(JitMode::Active, None)
    }

    /// As [`World::new`], always in SQLite, regardless of the environment.
    pub(super) fn in_file() -> Self {
        Self::over(Database::temporary_file(), JitMode::Active, None)
    }

    /// Whether the database runs on a server.
    #[cfg(feature = "postgres")]
    pub(super) fn is_on_server(&self) -> bool {
        self.test_database.is_server()
    }

    pub(super) fn with(jit: JitMode, bootstrap_admin: Option<&str>) -> Self {
        Self::over(Database::temporary(), jit, bootstrap_admin)
    }

    fn over((test_database, database): (TestDatabase, Database), jit: JitMode, bootstrap_admin: Option<&str>) -> Self {
        let clock = Clock::manual("2026-01-02T03:04:05.678Z".parse().unwrap());
        let permissions = Arc::new(DeclaredPermissions::new([]).unwrap());
        let bootstrap_admin = bootstrap_admin.map(|subject| IdentityKey::human(ISSUER, subject));
        Self {
            principals: PrincipalService::new(database.clone(), clock.clone(), permissions.clone(), bootstrap_admin),
            users: UserService::new(database.clone(), clock.clone(), permissions.clone(), vec![ISSUER.to_owned()]),
            me: MeService::new(database.clone(), clock.clone()),
            service_accounts: ServiceAccountService::new(
                database.clone(),
                clock.clone(),
                permissions.clone(),
                vec![ISSUER.to_owned()],
            ),
            purge: PurgeService::new(database.clone(), clock.clone()),
            test_database,
            jit,
            database,
            clock,
            permissions,
        }
    }

    /// The URL of the database.
    pub(super) fn database_url(&self) -> String {
        self.test_database.url()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Claims of a user, issued now.
    pub(super) fn person(&self, subject: &str) -> Claims {
        Claims::for_test(ISSUER, SubjectKind::Human, subject, self.now()).with_jit(self.jit)
    }

    /// Claims of a service account, issued now.
    pub(super) fn program(&self, client_id: &str) -> Claims {
        Claims::for_test(ISSUER, SubjectKind::Machine, client_id, self.now())
    }

    /// The id of a user, created at first contact.
    pub(super) async fn known(&self, subject: &str) -> PrincipalId {
        self.principals.resolve(&self.person(subject)).await.unwrap().principal().id
    }

    /// The id of a user with `role`, granted on the command line.
    pub(super) async fn known_with(&self, subject: &str, role: &str) -> PrincipalId {
        let id = self.known(subject).await;
        self.users.grant_role(&self.command_line(), id, role, None, None).await.unwrap();
        id
    }

    pub(super) fn command_line(&self) -> Actor {
        Actor::command_line()
    }

    /// The user as an actor of the API, with a token that carries all scopes.
    pub(super) async fn actor(&self, id: PrincipalId) -> Actor {
        let scopes: Vec<_> = self.permissions.all().map(|permission| permission.name()).collect();
        self.actor_with(id, &scopes).await
    }

    /// The user as an actor of the API, with a token that carries these scopes.
    pub(super) async fn actor_with(&self, id: PrincipalId, scopes: &[&str]) -> Actor {
        self.admitted(id, scopes, None).await
    }

    /// As [`World::actor_with`], on a route that requires `permission`.
    pub(super) async fn admitted(&self, id: PrincipalId, scopes: &[&str], permission: Option<Permission>) -> Actor {
        let (identities, _) = self.users.identities(id).await.unwrap();
        let claims = Arc::new(self.person(&identities[0].subject).with_scopes(scopes));
        let principal = Arc::new(ResolvedPrincipal::once(self.user(id).await, identities[0].id()));
        Actor::of_request(claims, principal, permission, "r1".into())
    }

    pub(super) async fn user(&self, id: PrincipalId) -> KnownPrincipal {
        self.users.find(id).await.unwrap()
    }

    /// The audit events about a principal, oldest first, as `action outcome`.
    pub(super) async fn trail(&self, target: PrincipalId) -> Vec<String> {
        let events: Vec<(String, String)> = self
            .query(move |conn| {
                audit_events::table
                    .filter(audit_events::target.eq(target))
                    .order(audit_events::id)
                    .select((audit_events::action, audit_events::outcome))
                    .load(conn)
            })
            .await;
        events.into_iter().map(|(action, outcome)| format!("{action} {outcome}")).collect()
    }

    pub(super) async fn count_principals(&self) -> i64 {
        self.query(|conn| principals::table.count().get_result(conn)).await
    }

    pub(super) async fn has_counted_admin(&self) -> bool {
        self.query(grants::has_counted_admin).await
    }

    /// All values of all columns of all tables, as text.
    pub(super) async fn every_stored_text(&self) -> Vec<String> {
        self.query(|conn| {
            let columns = match conn {
                DbConnection::Sqlite(_) => {
                    "SELECT 'SELECT CAST(' || c.name || ' AS TEXT) FROM ' || t.name
                     FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'"
                }
                #[cfg(feature = "postgres")]
                DbConnection::Postgres(_) => {
                    "SELECT 'SELECT CAST(' || column_name || ' AS TEXT) FROM ' || table_name
                     FROM information_schema.columns WHERE table_schema = 'public'"
                }
            };
            let queries: Vec<String> = sql::<Text>(columns).load(conn)?;
            let mut texts = Vec::new();
            for query in queries {
                texts.extend(sql::<Nullable<Text>>(&query).load::<Option<String>>(conn)?.into_iter().flatten());
            }
            Ok(texts)
        })
        .await
    }

    pub(super) async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut DbConnection) -> QueryResult<T> + Send + 'static,
    ) -> T {
        self.database.read(|conn| Ok::<_, DatabaseError>(query(conn)?)).await.unwrap()
    }
}

/// The names of the roles held.
pub(super) fn names(known: &KnownPrincipal) -> BTreeSet<&str> {
    known.roles().iter().map(|role| role.name.as_str()).collect()
}
