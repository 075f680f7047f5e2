//! Imports follow the permitted direction without cycles, and each room uses only its own libraries.
//!
//! Sources are read as text, without comments, tests and code behind `#[cfg(test)]`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms that each room may import. Any other import fails the test, and so does a room that is not listed.
const ARROW: &[(&str, &str)] = &[
    // Wires the other rooms together; no other room imports all of them.
    (
        "app",
        "auth error_chain cli clock config database error hit_counter models oidc repositories request_id routes scope services telemetry",
    ),
    // The doctor contacts the issuers and passes a token through the verifier as the service does.
    ("cli", "api_types app auth error_chain clock config database dev models oidc services telemetry"),
    // The sign-in of the documentation page uses the issuer's endpoints.
    ("routes", "api_types auth error models oidc request_id services"),
    // Entry points for the fuzz targets.
    ("fuzzing", "api_types auth cli clock config oidc routes"),
    // The metadata document names the same resource as the guard's challenges.
    ("api_types", "auth name models services"),
    // Budgets refill over time.
    ("auth", "clock error models oidc services"),
    ("error", "database models oidc services"),
    // Principals are resolved from verified claims.
    ("services", "clock database hit_counter models oidc name redacted repositories interner"),
    ("repositories", "database models redacted schema"),
    // Rows implement traits of the database backends.
    ("models", "database redacted schema"),
    // Its threads log within the span of the request that waits for them.
    ("database", "schema scope sync"),
    ("oidc", "error_chain clock hit_counter name redacted interner sync"),
    ("config", "database models oidc"),
    // Set by the middleware; routes pass it to the audit trail.
    ("request_id", ""),
    // The request that a thread works for.
    ("scope", "request_id"),
    ("telemetry", "config scope sync"),
    ("dev", "clock models redacted"),
    // Hit counts that several rooms report as metrics.
    ("hit_counter", ""),
    // Checked names of users, service accounts and roles.
    ("name", ""),
    // Interned values.
    ("interner", ""),
    // Synchronization primitives, replaced by loom in the concurrency models.
    ("sync", ""),
    // A `Debug` that redacts values.
    ("redacted", ""),
    ("error_chain", ""),
    ("clock", ""),
    ("schema", ""),
];

/// The rooms that may name a library. Every other room can be read and tested without it.
const LIBRARIES: &[(&str, &str)] = &[
    ("actix_web", "api_types app auth cli dev error fuzzing request_id routes"),
    ("diesel", "app database error models repositories schema services"),
    // Telemetry exports traces to a collector.
    ("reqwest", "cli oidc telemetry"),
    ("utoipa", "api_types auth error routes"),
    ("clap", "cli"),
    // The relying party, and the development issuer.
    ("openidconnect", "dev oidc"),
];

/// Files outside `error` that name HTTP status codes of responses.
const STATUS_CODES: &[(&str, &str)] = &[
    ("app/answer.rs", "distinguishes server errors from client errors in the log"),
    ("routes/health.rs", "readiness is a status with a body other than a problem"),
    ("oidc/fetch.rs", "reads the provider's responses, sends none"),
    ("cli/health.rs", "reads the service's response, sends none"),
    ("cli/dev.rs", "reads the development issuer's response, sends none"),
];

/// A source file: its path below `src` and its code.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The room: the first part of the path.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The modules of this crate that the code names.
    fn imports(&self) -> BTreeSet<String> {
        let after = self.code.split("crate::").collect::<Vec<_>>();
        let pairs = after.windows(2).filter(|pair| !pair[0].ends_with('$'));
        pairs.flat_map(|pair| first_segments(pair[1])).map(|name| module_of(&name)).collect()
    }

    /// Whether `super` leads out of the room, which `imports` does not see.
    fn climbs_out(&self) -> bool {
        let is_top_of_room =
            !self.path.contains('/') || self.path.ends_with("/mod.rs") && self.path.matches('/').count() == 1;
        self.code.contains(if is_top_of_room { "super::" } else { "super::super::" })
    }

    fn names(&self, word: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(at, _)| {
            let before = self.code[..at].chars().next_back().is_some_and(is_part);
            let after = self.code[at + word.len()..].chars().next().is_some_and(is_part);
            !before && !after
        })
    }
}

/// The names that follow `crate::`: one name, or all names of a group.
fn first_segments(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                part.push(c);
            }
        }
    }
    parts.push(part);
    parts.iter().map(|part| name(part)).filter(|name| !name.is_empty()).collect()
}

/// The module that defines a name of the crate's root.
fn module_of(name: &str) -> String {
    match name {
        "Clock" => "clock",
        // The macro that pairs a handler with its documentation.
        "op" => "auth",
        other => other,
    }
    .to_owned()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    list(&root, &mut files);
    let is_test = |path: &Path| {
        let mut names = path.strip_prefix(&root).unwrap_or(path).iter().filter_map(|name| name.to_str());
        names.any(|name| matches!(name, "tests" | "tests.rs" | "testing.rs" | "test_support.rs"))
    };
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs") && !is_test(path));
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        code: code(&fs::read_to_string(&path).unwrap()),
    };
    files.map(read).filter(|source| !matches!(&*source.path, "lib.rs" | "main.rs")).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

/// The code without its comments and without the tests at its end.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_follow_the_permitted_direction() {
    let arrow: BTreeMap<&str, BTreeSet<&str>> = ARROW.iter().map(|(room, allowed)| (*room, words(allowed))).collect();
    let (mut violations, mut used) = (Vec::new(), BTreeSet::new());
    for source in sources() {
        let room = source.room().to_owned();
        let allowed = arrow.get(&*room).unwrap_or_else(|| panic!("the room `{room}` is not listed in ARROW"));
        if source.climbs_out() {
            violations.push(format!("src/{} leaves its room by `super`", source.path));
        }
        for import in source.imports().into_iter().filter(|import| *import != room) {
            if !allowed.contains(&*import) {
                violations.push(format!("src/{} imports `{import}`", source.path));
            }
            used.insert((room.clone(), import));
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    // Unused permissions are removed, so that the table stays accurate.
    for (room, allowed) in arrow {
        for import in allowed {
            assert!(used.contains(&(room.to_owned(), import.to_owned())), "`{room}` does not import `{import}`");
        }
    }
}

#[test]
fn each_library_is_named_only_by_its_rooms() {
    for source in sources() {
        for (library, rooms) in LIBRARIES {
            let is_named = source.code.contains(&format!("{library}::")) && source.names(library);
            assert!(!is_named || words(rooms).contains(source.room()), "src/{} names `{library}`", source.path);
        }
    }
}

/// They verify with the `rsa` crate. The keys of this service verify with aws-lc-rs.
#[test]
fn keys_of_openidconnect_are_named_only_by_the_development_issuer() {
    for source in sources().into_iter().filter(|source| source.room() != "dev") {
        for name in
            ["CoreJsonWebKey", "CoreJsonWebKeySet", "CoreIdTokenVerifier", "CoreClient", "CoreJwsSigningAlgorithm"]
        {
            assert!(!source.names(name), "src/{} names `{name}`", source.path);
        }
    }
}

fn words(list: &str) -> BTreeSet<&str> {
    list.split_whitespace().collect()
}

#[test]
fn status_codes_are_named_only_by_the_error_room() {
    let named: BTreeSet<String> = sources()
        .into_iter()
        .filter(|source| !matches!(source.room(), "error" | "dev") && source.names("StatusCode"))
        .map(|source| source.path)
        .collect();
    // The development issuer is a provider with its own responses.
    let justified: BTreeSet<String> = STATUS_CODES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(named, justified, "left: files that name `StatusCode`, right: those with a reason");
}
