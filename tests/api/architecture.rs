//! Imports follow the permitted direction without cycles, and each room uses only its own libraries.
//!
//! The imports come from the syntax of the sources, without tests ([`graph`]).

mod documents;
mod graph;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};

use graph::{Graph, Module};

/// The rooms that each room may import. Any other import fails the test, and so does a room that is not listed.
const ROOMS: &[(&str, &str)] = &[
    // Entry points for the fuzz targets.
    ("fuzzing", "api_types auth cli clock config oidc routes"),
    // The doctor contacts the issuers and passes a token through the verifier as the service does.
    ("cli", "api_types app clock config database dev models oidc routing services telemetry"),
    // Wires the other rooms together; no other room imports all of them.
    (
        "app",
        "auth clock config database error limits metrics middleware models oidc repositories routes routing services telemetry",
    ),
    ("middleware", "auth config error limits metrics request_id routing services telemetry"),
    ("metrics", "auth cache clock database limits oidc routing telemetry"),
    // The sign-in of the documentation page uses the issuer's endpoints.
    ("routes", "api_types auth error limits models oidc request_id routing services"),
    // The metadata document names the same resource as the guard's challenges.
    ("api_types", "auth models services text"),
    ("routing", "auth error models oidc"),
    ("auth", "cache clock error limits models oidc services text"),
    // Budgets refill over time.
    ("limits", "clock error models"),
    ("error", "database models oidc services"),
    // Principals are resolved from verified claims.
    ("services", "cache clock database models oidc redacted repositories text"),
    ("repositories", "database models redacted schema"),
    ("config", "database jose models oidc telemetry"),
    ("dev", "clock models redacted"),
    // Rows implement traits of the database backends.
    ("models", "database redacted schema"),
    // Its threads log within the span of the request that waits for them.
    ("database", "sync"),
    ("oidc", "cache clock jose redacted sync telemetry text"),
    ("jose", "redacted"),
    // Any room may log an error with its causes.
    ("telemetry", ""),
    // Hit counts and interned values.
    ("cache", ""),
    // Checked names of users, service accounts and roles.
    ("text", ""),
    // Set by the middleware; routes pass it to the audit trail.
    ("request_id", ""),
    // Synchronization primitives, replaced by loom in the concurrency models.
    ("sync", ""),
    // A `Debug` that redacts values.
    ("redacted", ""),
    ("clock", ""),
    ("schema", ""),
];

/// The rooms that may name a library. Every other room can be read and tested without it.
const LIBRARIES: &[(&str, &str)] = &[
    ("actix_web", "api_types app auth cli dev error fuzzing limits metrics middleware request_id routes routing"),
    ("diesel", "app database error models repositories schema services"),
    // Telemetry exports traces to a collector.
    ("reqwest", "cli oidc telemetry"),
    ("utoipa", "api_types error routes routing"),
    ("clap", "cli"),
    // The relying party, and the development issuer.
    ("openidconnect", "dev oidc"),
];

/// Files outside `error` that name HTTP status codes of responses.
const STATUS_CODES: &[(&str, &str)] = &[
    ("middleware/responses.rs", "distinguishes server errors from client errors in the log"),
    ("routes/health.rs", "readiness is a status with a body other than a problem"),
    ("oidc/keys/fetch.rs", "reads the provider's responses, sends none"),
    ("cli/error.rs", "reports the status of another program's response"),
];

/// The first folder or file below `src`: `oidc` of `oidc::claims`.
fn room(module: &Module) -> &str {
    module.first().map_or("lib", String::as_str)
}

fn words(list: &str) -> BTreeSet<&str> {
    list.split_whitespace().collect()
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let graph = Graph::of_src();
    let allowed_by: BTreeMap<&str, BTreeSet<&str>> = ROOMS.iter().map(|(room, rooms)| (*room, words(rooms))).collect();
    let (mut violations, mut used) = (Vec::new(), BTreeSet::new());
    for (module, source) in graph.sources().filter(|(module, _)| !module.is_empty()) {
        let from = room(module);
        let allowed = allowed_by.get(from).unwrap_or_else(|| panic!("the room `{from}` is missing from the table"));
        for import in graph.imports(module) {
            let to = room(&import).to_owned();
            if to == from || to == "lib" {
                continue;
            }
            if !allowed.contains(&*to) {
                violations.push(format!("src/{} imports `{}`", source.path, import.join("::")));
            }
            used.insert((from.to_owned(), to));
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    // An unused permission is refused too, so that the table stays true.
    for (room, allowed) in allowed_by {
        for import in allowed {
            assert!(used.contains(&(room.to_owned(), import.to_owned())), "`{room}` does not import `{import}`");
        }
    }
}

#[test]
fn table_of_rooms_lists_each_room_above_the_rooms_that_it_imports() {
    let mut below: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (room, allowed) in ROOMS {
        below.remove(room);
        for import in words(allowed) {
            assert!(below.contains(import), "`{room}` imports `{import}`, which is not below it");
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let graph = Graph::of_src();
    let cycles = graph.cycles();
    let lines =
        cycles.iter().flat_map(|cycle| cycle.iter().map(move |module| (cycle, module))).flat_map(|(cycle, from)| {
            let targets = graph.imports(from).into_iter().filter(|to| cycle.contains(to));
            targets.map(|to| format!("{} -> {}", from.join("::"), to.join("::"))).collect::<Vec<_>>()
        });
    assert!(cycles.is_empty(), "{} cycles:\n{}", cycles.len(), lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn each_library_is_used_only_in_its_rooms() {
    for (module, source) in Graph::of_src().sources() {
        for (library, rooms) in LIBRARIES {
            let is_allowed = module.is_empty() || words(rooms).contains(room(module));
            assert!(is_allowed || !source.words.contains(*library), "src/{} uses `{library}`", source.path);
        }
    }
}

#[test]
fn status_codes_are_chosen_in_one_room() {
    let named: BTreeSet<String> = Graph::of_src()
        .sources()
        // The development issuer is a provider of its own, with responses of its own.
        .filter(|(module, source)| !matches!(room(module), "error" | "dev") && source.words.contains("StatusCode"))
        .map(|(_, source)| source.path.clone())
        .collect();
    let argued: BTreeSet<String> = STATUS_CODES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(named, argued, "left: files that name `StatusCode`, right: those with a reason");
}

/// The packages that the service stands on. Each does its work in production, not only in the development issuer.
const PACKAGES: &[&str] = &[
    "actix_web",
    "actix_web_httpauth",
    "diesel",
    "diesel_migrations",
    "envy",
    "openidconnect",
    "r2d2",
    "reqwest",
    "serde",
    "tracing_actix_web",
];

#[test]
fn each_package_that_the_service_stands_on_is_used_in_production() {
    let graph = Graph::of_src();
    let production: BTreeSet<&str> = graph
        .sources()
        .filter(|(module, _)| room(module) != "dev")
        .flat_map(|(_, source)| source.words.iter().map(String::as_str))
        .collect();
    let unused: Vec<_> = PACKAGES.iter().filter(|package| !production.contains(**package)).collect();
    assert!(unused.is_empty(), "not used outside `dev`: {unused:?}");
}

/// These types of openidconnect verify with the `rsa` crate. The keys of this service verify with aws-lc-rs.
#[test]
fn keys_of_openidconnect_are_named_only_by_the_development_issuer() {
    let names = ["CoreJsonWebKey", "CoreJsonWebKeySet", "CoreIdTokenVerifier", "CoreClient", "CoreJwsSigningAlgorithm"];
    for (_, source) in Graph::of_src().sources().filter(|(module, _)| room(module) != "dev") {
        for name in names {
            assert!(!source.words.contains(name), "src/{} names `{name}`", source.path);
        }
    }
}
