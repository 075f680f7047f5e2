//! No sequence of requests gives a principal a permission that no other holder gave.
//!
//! Each case has its own users and roles, whose permissions are read over the API before and after. A permission that a user gains must
//! come from another user, who effectively held it in a request that succeeded or, for a permission that is not administrative, effectively
//! held `roles:assign`. A case begins with one of all operations and continues with up to three random ones.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::actix_web::rt::System;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::json;

use crate::support::{ALL_SCOPES, Reply, TestApp};

/// The permissions of every new user.
const MEMBER: [&str; 2] = ["profile:read", "profile:write"];

/// Users, each with its initial role. `gone` is deleted; `extra` and `fresh` are unknown at first.
const USERS: [(&str, Option<&str>); 9] = [
    ("root", Some("admin")),
    ("manager", Some("user-manager")),
    ("linker", Some("linker")),
    ("editor", Some("editor")),
    ("reader", Some("reader")),
    ("mallory", None),
    ("gone", Some("reader")),
    ("extra", None),
    ("fresh", None),
];

/// The roles of each case.
const ROLES: [(&str, &[&str]); 3] = [
    ("reader", &["audit:read"]),
    ("linker", &["users:read", "users:write", "identities:write"]),
    ("editor", &["roles:read", "roles:write", "roles:assign"]),
];

/// The roles that operations grant.
const GRANTED: [&str; 8] = ["admin", "user-manager", "auditor", "reader", "linker", "editor", "group", "member"];

/// The permission lists of edited roles.
const LISTS: [&[&str]; 5] = [
    &["audit:read"],
    &["audit:read", "users:read", "users:write", "identities:write"],
    &["roles:read", "roles:write", "audit:read"],
    &["roles:assign"],
    &["users:read", "users:write", "service-accounts:write", "roles:write", "identities:write"],
];

#[derive(Clone, Copy, Debug)]
enum Operation {
    Grant {
        to: &'static str,
        role: &'static str,
    },
    /// Links the identity `extra`.
    Link {
        to: &'static str,
    },
    PutRole {
        role: &'static str,
        permissions: &'static [&'static str],
    },
    CreateFresh {
        role: &'static str,
    },
    Register {
        role: &'static str,
    },
    RestoreGone,
}

impl Operation {
    /// The same operation on this user, if it has a user as its target.
    fn to(self, user: &'static str) -> Self {
        match self {
            Self::Grant { role, .. } => Self::Grant { to: user, role },
            Self::Link { .. } => Self::Link { to: user },
            other => other,
        }
    }

    /// Whether it has a single user as its target.
    fn has_user_as_target(self) -> bool {
        matches!(self, Self::Grant { .. } | Self::Link { .. })
    }

    /// The scope of the operation's route.
    fn scope(self) -> &'static str {
        match self {
            Self::Grant { .. } | Self::CreateFresh { .. } | Self::RestoreGone => "users:write",
            Self::Link { .. } => "identities:write",
            Self::PutRole { .. } => "roles:write",
            Self::Register { .. } => "service-accounts:write",
        }
    }
}

/// The scopes of a step's token.
#[derive(Clone, Copy, Debug)]
enum Scopes {
    All,
    /// The scope of the operation's route.
    Route,
    /// The scope of the operation's route and this one.
    RouteAnd(&'static str),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    by: &'static str,
    scopes: Scopes,
    operation: Operation,
}

fn operation() -> impl Strategy<Value = Operation> {
    let to = || select(vec!["manager", "linker", "editor", "reader", "mallory", "root"]);
    let role = || select(GRANTED.to_vec());
    let own = select(vec!["reader", "linker", "editor", "group", "group"]);
    prop_oneof![
        3 => (to(), role()).prop_map(|(to, role)| Operation::Grant { to, role }),
        2 => to().prop_map(|to| Operation::Link { to }),
        3 => (own, select(LISTS.to_vec())).prop_map(|(role, permissions)| Operation::PutRole { role, permissions }),
        1 => role().prop_map(|role| Operation::CreateFresh { role }),
        1 => role().prop_map(|role| Operation::Register { role }),
        1 => Just(Operation::RestoreGone),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let by = select(vec!["root", "root", "root", "manager", "manager", "linker", "editor", "mallory", "extra"]);
    let more = select(ALL_SCOPES.split(' ').collect::<Vec<_>>()).prop_map(Scopes::RouteAnd);
    let scopes = prop_oneof![4 => Just(Scopes::All), 3 => Just(Scopes::Route), 2 => more];
    // The own account is a frequent target, because escalation is most likely there.
    let is_own = prop_oneof![2 => Just(false), 1 => Just(true)];
    (by, scopes, operation(), is_own).prop_map(|(by, scopes, operation, is_own)| {
        let operation = if is_own && by != "extra" { operation.to(by) } else { operation };
        Step { by, scopes, operation }
    })
}

/// One case: the shared service, with users and roles of this case only.
struct Case<'a> {
    app: &'a TestApp,
    number: usize,
}

/// The permissions that a principal has, or would have with a token of all scopes.
type Permissions = BTreeSet<String>;

impl Case<'_> {
    fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    /// Built-in roles are shared by all cases.
    fn role(&self, role: &str) -> String {
        if ["admin", "user-manager", "auditor", "member"].contains(&role) { role.to_owned() } else { self.name(role) }
    }

    /// A token of `user`. Mallory's provider adds two groups.
    fn token(&self, user: &str, scopes: &str) -> String {
        let token = self.app.token(&self.name(user)).scope(scopes);
        if user == "mallory" {
            token.claim("groups", json!([self.name("group"), "user-manager"])).sign()
        } else {
            token.sign()
        }
    }

    async fn prepare(&self) {
        for (role, permissions) in ROLES {
            self.app.make_role(&self.name(role), permissions).await;
        }
        for (user, role) in &USERS[..7] {
            self.app.introduce(&self.name(user)).await;
            let Some(role) = role else { continue };
            let path = format!("/api/v1/users/{}/roles/{}", self.id(user).await, self.role(role));
            assert_eq!(self.app.put(&path, &self.app.admin(), json!({})).await.status(), 200);
        }
        let gone = self.app.request(Method::DELETE, &format!("/api/v1/users/{}", self.id("gone").await));
        assert_eq!(gone.bearer(&self.app.admin()).header("If-Match", "*").send().await.status(), 204);
    }

    async fn id(&self, user: &str) -> String {
        self.app.introduce(&self.name(user)).await
    }

    /// The permissions of the token's access report for which `is_held` is true.
    async fn permissions(&self, token: &str, is_held: fn(&serde_json::Value) -> bool) -> Permissions {
        let access = self.app.get("/api/v1/me/access", token).await;
        if access.status() != 200 {
            return Permissions::new();
        }
        let listed = access.json()["permissions"].as_array().unwrap().clone();
        listed.iter().filter(|held| is_held(held)).map(|held| held["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The effective permissions of `token`.
    async fn effective(&self, token: &str) -> Permissions {
        self.permissions(token, |permission| permission["allowed"] == json!(true)).await
    }

    /// The permissions of `user` with a token of all scopes.
    async fn granted(&self, user: &str) -> Permissions {
        self.permissions(&self.token(user, ALL_SCOPES), |held| held["granted_by"] != json!([])).await
    }

    async fn granted_to_service_account(&self) -> Permissions {
        let token = self.app.machine_token(&self.name("robot")).sign();
        self.permissions(&token, |held| held["granted_by"] != json!([])).await
    }

    /// Sends `operation` with this token; `ids` are the ids of the users before the case.
    async fn send(&self, ids: &BTreeMap<&str, String>, token: &str, operation: Operation) -> Reply {
        let (app, issuer) = (self.app, self.app.idp.url());
        let identity = |user: &str| json!({ "issuer": issuer, "subject": self.name(user) });
        match operation {
            Operation::Grant { to, role } => {
                app.put(&format!("/api/v1/users/{}/roles/{}", ids[to], self.role(role)), token, json!({})).await
            }
            Operation::Link { to } => {
                app.post(&format!("/api/v1/users/{}/identities", ids[to]), token, identity("extra")).await
            }
            Operation::PutRole { role, permissions } => {
                let body = json!({ "summary": "Edited.", "permissions": permissions });
                let put = async |condition: &str| {
                    let request = app.request(Method::PUT, &format!("/api/v1/roles/{}", self.name(role)));
                    request.bearer(token).header(condition, "*").json(&body).send().await
                };
                let replaced = put("If-Match").await;
                if replaced.status() == 412 { put("If-None-Match").await } else { replaced }
            }
            Operation::CreateFresh { role } => {
                let body = json!({ "identities": [identity("fresh")], "roles": [self.role(role)] });
                app.post("/api/v1/users", token, body).await
            }
            Operation::Register { role } => {
                let client = self.name("robot");
                let body = json!({ "issuer": issuer, "client_id": client, "roles": [self.role(role)] });
                app.post("/api/v1/service-accounts", token, body).await
            }
            Operation::RestoreGone => {
                app.post(&format!("/api/v1/users/{}/restore", ids["gone"]), token, json!({})).await
            }
        }
    }

    /// Takes the steps. Returns the actor of each step that succeeded, with the actor's effective permissions.
    async fn take(&self, ids: &BTreeMap<&str, String>, steps: &[Step]) -> Vec<(&'static str, Permissions)> {
        let mut givers = Vec::new();
        for step in steps {
            let route = step.operation.scope();
            let scopes = match step.scopes {
                Scopes::All => ALL_SCOPES.to_owned(),
                Scopes::Route => route.to_owned(),
                Scopes::RouteAnd(more) => format!("{route} {more}"),
            };
            // Tokens of this second may be revoked by the step before.
            self.app.pass(2);
            let token = self.token(step.by, &scopes);
            let held = self.effective(&token).await;
            let reply = self.send(ids, &token, step.operation).await;
            assert!(reply.status() < 500, "{step:?}: {}", reply.text());
            if (200..300).contains(&reply.status()) {
                givers.push((step.by, held));
            }
        }
        givers
    }

    /// Runs the case. Returns the gained permissions that no other holder gave, and whether any step succeeded.
    async fn run(&self, steps: &[Step]) -> (Vec<String>, bool) {
        self.prepare().await;
        let mut ids = BTreeMap::new();
        let mut before = BTreeMap::new();
        for (user, _) in &USERS[..6] {
            ids.insert(*user, self.id(user).await);
            before.insert(*user, self.granted(user).await);
        }
        // Mallory's groups grant nothing: one is not a role yet, the other has administrative permissions that her issuer may not grant.
        assert_eq!(before["mallory"], MEMBER.map(str::to_owned).into());
        ids.insert("gone", self.deleted_id().await);
        let givers = self.take(&ids, steps).await;
        self.app.pass(2);
        let mut unexplained = Vec::new();
        for (user, _) in USERS {
            let (after, before) = (self.granted(user).await, before.remove(user).unwrap_or_default());
            explain(user, &after, &before, &givers, &mut unexplained);
        }
        explain("robot", &self.granted_to_service_account().await, &Permissions::new(), &givers, &mut unexplained);
        (unexplained, !givers.is_empty())
    }

    /// The id of the deleted user, which is in no list but in the audit trail.
    async fn deleted_id(&self) -> String {
        let events = self.app.get("/api/v1/audit-events?action=user.delete&limit=1", &self.app.admin()).await.json();
        events["items"][0]["target"].as_str().unwrap().to_owned()
    }
}

/// Adds the permissions that no other user can have given to `user`.
fn explain(
    user: &str,
    after: &Permissions,
    before: &Permissions,
    givers: &[(&str, Permissions)],
    unexplained: &mut Vec<String>,
) {
    let gained = after.difference(before).filter(|gained| !MEMBER.contains(&gained.as_str()));
    for gained in gained {
        let is_administrative = gained.ends_with(":write") || gained.ends_with(":assign");
        let may_give =
            |held: &Permissions| held.contains(gained) || (!is_administrative && held.contains("roles:assign"));
        if !givers.iter().any(|(giver, held)| *giver != user && may_give(held)) {
            unexplained.push(format!("{user} gained {gained}"));
        }
    }
}

/// Every operation by each possible actor: by the holders of its route's permission with all scopes, and by root with that scope only.
fn first_steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for (holders, operation) in operations() {
        steps.push(Step { by: "root", scopes: Scopes::Route, operation: operation.to("mallory") });
        for by in holders.iter().copied() {
            steps.push(Step { by, scopes: Scopes::All, operation: operation.to("mallory") });
            if operation.has_user_as_target() {
                steps.push(Step { by, scopes: Scopes::All, operation: operation.to(by) });
            }
        }
    }
    steps
}

/// The operations, with the holders of their route's permission other than root.
fn operations() -> Vec<(&'static [&'static str], Operation)> {
    let mut operations: Vec<(&[&str], Operation)> =
        vec![(&["manager", "linker"], Operation::RestoreGone), (&["linker"], Operation::Link { to: "mallory" })];
    for role in GRANTED {
        operations.push((&["manager", "linker"], Operation::Grant { to: "mallory", role }));
    }
    for role in ["admin", "auditor", "linker"] {
        operations.push((&["manager", "linker"], Operation::CreateFresh { role }));
        operations.push((&["manager"], Operation::Register { role }));
    }
    for permissions in LISTS {
        for role in ["editor", "group", "reader"] {
            operations.push((&["editor"], Operation::PutRole { role, permissions }));
        }
    }
    operations
}

#[test]
fn permission_is_gained_only_from_another_effective_holder() {
    let system = System::new();
    let app = system.block_on(TestApp::setup().var("OIDC_ROLES_CLAIM", "groups").spawn());
    // Deterministic: a failure occurs on every machine.
    let mut runner = TestRunner::deterministic();
    let further = proptest::collection::vec(step(), 0..=3);
    let mut succeeded = 0;
    let firsts = first_steps();
    for (number, first) in firsts.iter().enumerate() {
        let mut steps = vec![*first];
        steps.extend(further.new_tree(&mut runner).unwrap().current());
        let (unexplained, has_succeeded) = system.block_on(Case { app: &app, number }.run(&steps));
        assert!(unexplained.is_empty(), "{unexplained:?} after {steps:?}");
        succeeded += usize::from(has_succeeded);
    }
    assert!(succeeded > firsts.len() / 4, "only {succeeded} of {} cases changed anything", firsts.len());
}
