//! The list of variables and their raw values.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::Deserialize;

use super::faults::Faults;

/// Declares the variables of one section: a struct of optional strings that `envy` fills, and the list of its variables.
macro_rules! section {
    ($name:ident, $prefix:literal, { $($field:ident: $variable:literal),+ $(,)? }) => {
        #[derive(Default, Deserialize)]
        pub(super) struct $name {
            $(pub(super) $field: Option<String>,)+
        }

        impl $name {
            const PREFIX: &str = $prefix;
            const VARIABLES: &[&str] = &[$(concat!($prefix, $variable)),+];

            /// All fields are strings, so `envy`, which stops at the first error and prints the value, cannot fail.
            fn read(values: &BTreeMap<String, String>) -> Self {
                envy::prefixed($prefix).from_iter(values.clone()).unwrap_or_default()
            }

            #[cfg(test)]
            fn all_fields(&self) -> Vec<&Option<String>> {
                vec![$(&self.$field),+]
            }
        }
    };
}

section!(RawServer, "SERVER_", {
    bind: "BIND",
    management_bind: "MANAGEMENT_BIND",
    public_url: "PUBLIC_URL",
    grace_seconds: "GRACE_SECONDS",
    shutdown_seconds: "SHUTDOWN_SECONDS",
    field_bytes: "FIELD_BYTES",
    body_bytes: "BODY_BYTES",
    head_seconds: "HEAD_SECONDS",
    body_seconds: "BODY_SECONDS",
    keep_alive_seconds: "KEEP_ALIVE_SECONDS",
    connections: "CONNECTIONS",
    trusted_proxies: "TRUSTED_PROXIES",
});
section!(RawDatabase, "DATABASE_", {
    url: "URL",
    direct_url: "DIRECT_URL",
    pgbouncer: "PGBOUNCER",
    migrate: "MIGRATE",
    synchronous: "SYNCHRONOUS",
    pool_size: "POOL_SIZE",
    pool_wait_seconds: "POOL_WAIT_SECONDS",
    statement_timeout_seconds: "STATEMENT_TIMEOUT_SECONDS",
    lock_timeout_seconds: "LOCK_TIMEOUT_SECONDS",
    application_name: "APPLICATION_NAME",
});
section!(RawAuth, "AUTH_", { stale_seconds: "STALE_SECONDS" });
section!(RawOidc, "OIDC_", {
    issuer: "ISSUER",
    issuers_file: "ISSUERS_FILE",
    provider: "PROVIDER",
    tenants: "TENANTS",
    discovery_url: "DISCOVERY_URL",
    jwks_url: "JWKS_URL",
    audience: "AUDIENCE",
    allowed_clients: "ALLOWED_CLIENTS",
    algorithms: "ALGORITHMS",
    accept_id_tokens: "ACCEPT_ID_TOKENS",
    roles_claim: "ROLES_CLAIM",
    roles_separator: "ROLES_SEPARATOR",
    allow_admin_role: "ALLOW_ADMIN_ROLE",
    administrative_roles: "ADMINISTRATIVE_ROLES",
    scope_mode: "SCOPE_MODE",
    scope_prefix: "SCOPE_PREFIX",
    jit: "JIT",
    first_party_clients: "FIRST_PARTY_CLIENTS",
    opaque: "OPAQUE",
    opaque_prefix: "OPAQUE_PREFIX",
    introspect: "INTROSPECT",
    introspection_url: "INTROSPECTION_URL",
    introspection_client_id: "INTROSPECTION_CLIENT_ID",
    introspection_auth: "INTROSPECTION_AUTH",
    introspection_client_secret: "INTROSPECTION_CLIENT_SECRET",
    introspection_private_key: "INTROSPECTION_PRIVATE_KEY",
    introspection_private_key_id: "INTROSPECTION_PRIVATE_KEY_ID",
    introspection_require_aud: "INTROSPECTION_REQUIRE_AUD",
    trust_active: "TRUST_ACTIVE",
    extra_ca: "EXTRA_CA",
    client_id: "CLIENT_ID",
    client_secret: "CLIENT_SECRET",
    login_scopes: "LOGIN_SCOPES",
    allow_http_hosts: "ALLOW_HTTP_HOSTS",
    docs_client_id: "DOCS_CLIENT_ID",
    docs_parameters: "DOCS_PARAMETERS",
});
section!(RawRateLimit, "RATE_LIMIT_", {
    disabled: "DISABLED",
    failures_per_minute: "FAILURES_PER_MINUTE",
    requests_per_minute: "REQUESTS_PER_MINUTE",
    profile_edits_per_hour: "PROFILE_EDITS_PER_HOUR",
});
section!(RawCors, "CORS_", { allowed_origins: "ALLOWED_ORIGINS" });
section!(RawSession, "SESSION_", {
    key: "KEY",
    allowed_origins: "ALLOWED_ORIGINS",
    idle_seconds: "IDLE_SECONDS",
    absolute_seconds: "ABSOLUTE_SECONDS",
    roles_seconds: "ROLES_SECONDS",
    logged_out_url: "LOGGED_OUT_URL",
});
section!(RawBootstrap, "BOOTSTRAP_", { admin: "ADMIN" });
section!(RawLog, "LOG_", { format: "FORMAT", level: "LEVEL" });
section!(RawOtel, "OTEL_", { exporter_otlp_endpoint: "EXPORTER_OTLP_ENDPOINT", service_name: "SERVICE_NAME" });

/// Every variable, by section. `.env.sample` and docs/configuration.md are tested against this list.
const VARIABLES: &[&[&str]] = &[
    RawServer::VARIABLES,
    RawRateLimit::VARIABLES,
    RawDatabase::VARIABLES,
    RawAuth::VARIABLES,
    RawOidc::VARIABLES,
    RawCors::VARIABLES,
    RawSession::VARIABLES,
    RawBootstrap::VARIABLES,
    RawLog::VARIABLES,
    RawOtel::VARIABLES,
];

/// The prefix of each section.
const PREFIXES: &[&str] = &[
    RawServer::PREFIX,
    RawRateLimit::PREFIX,
    RawDatabase::PREFIX,
    RawAuth::PREFIX,
    RawOidc::PREFIX,
    RawCors::PREFIX,
    RawSession::PREFIX,
    RawBootstrap::PREFIX,
    RawLog::PREFIX,
    RawOtel::PREFIX,
];

/// The variable with this suffix names a file that holds the value.
pub(super) const FILE_SUFFIX: &str = "_FILE";

/// Every variable.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().flat_map(|section| section.iter().copied())
}

/// The prefix of each section.
pub(super) fn prefixes() -> impl Iterator<Item = &'static str> {
    PREFIXES.iter().copied()
}

/// Whether `name` is a known variable, with or without the file suffix.
pub(super) fn is_known(name: &str) -> bool {
    known(name).is_some()
}

/// The raw variables, by section.
pub(super) struct Environment {
    pub(super) server: RawServer,
    pub(super) rate_limit: RawRateLimit,
    pub(super) database: RawDatabase,
    pub(super) auth: RawAuth,
    pub(super) oidc: RawOidc,
    pub(super) cors: RawCors,
    pub(super) session: RawSession,
    pub(super) bootstrap: RawBootstrap,
    pub(super) log: RawLog,
    pub(super) otel: RawOtel,
}

impl Environment {
    pub(super) fn collect(vars: impl Iterator<Item = (OsString, OsString)>, faults: &mut Faults) -> Self {
        let values = values(vars, faults);
        Self {
            server: RawServer::read(&values),
            rate_limit: RawRateLimit::read(&values),
            database: RawDatabase::read(&values),
            auth: RawAuth::read(&values),
            oidc: RawOidc::read(&values),
            cors: RawCors::read(&values),
            session: RawSession::read(&values),
            bootstrap: RawBootstrap::read(&values),
            log: RawLog::read(&values),
            otel: RawOtel::read(&values),
        }
    }
}

/// The known variables that are set and not empty. Values in files are read.
fn values(vars: impl Iterator<Item = (OsString, OsString)>, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (name, value) in vars {
        let Ok(name) = name.into_string() else { continue };
        let Some((variable, from_file)) = known(&name) else { continue };
        let text = match value.into_string() {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => Some(text),
            Err(_) => None,
        };
        let text = if from_file { text.and_then(read_file) } else { text };
        match text {
            None if from_file => faults.add(name, "the path of a readable UTF-8 file that holds the value"),
            None => faults.add(name, "valid UTF-8"),
            Some(text) if text.is_empty() => {}
            Some(text) => {
                if values.insert(variable.to_owned(), text).is_some() {
                    faults.add(format!("{variable}{FILE_SUFFIX}"), format!("absent when {variable} is set"));
                }
            }
        }
    }
    values
}

/// The variable that `name` sets, and whether `name` has the file suffix.
fn known(name: &str) -> Option<(&str, bool)> {
    let is_known = |name: &str| VARIABLES.iter().any(|section| section.contains(&name));
    if is_known(name) {
        return Some((name, false));
    }
    name.strip_suffix(FILE_SUFFIX).filter(|variable| is_known(variable)).map(|variable| (variable, true))
}

fn read_file(path: String) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_variable_reaches_its_field() {
        let vars = VARIABLES.iter().flat_map(|section| section.iter()).map(|name| ((*name).into(), "set".into()));
        let raw = Environment::collect(vars, &mut Faults::default());
        let fields = [
            raw.server.all_fields(),
            raw.rate_limit.all_fields(),
            raw.database.all_fields(),
            raw.auth.all_fields(),
            raw.oidc.all_fields(),
            raw.cors.all_fields(),
            raw.session.all_fields(),
            raw.bootstrap.all_fields(),
            raw.log.all_fields(),
            raw.otel.all_fields(),
        ];
        for field in fields.concat() {
            assert_eq!(field.as_deref(), Some("set"));
        }
    }

    #[test]
    fn every_variable_is_in_the_sample_and_the_documentation() {
        let sample = include_str!("../../.env.sample");
        let documentation = include_str!("../../docs/configuration.md");
        for name in VARIABLES.iter().flat_map(|section| section.iter()) {
            let starts_line = |line: &str| line.trim_start_matches(['#', ' ']).starts_with(&format!("{name}="));
            assert!(sample.lines().any(starts_line), "{name} is not in .env.sample");
            assert!(documentation.contains(&format!("| `{name}` |")), "{name} is not in docs/configuration.md");
        }
    }
}
