//! The environment, read once into typed settings.
//!
//! Each section has a prefix (`SERVER_`, `DATABASE_`, `OIDC_`, …). An empty variable counts as absent. Instead of a variable `X`, `X_FILE`
//! may name a file that holds the value. All faults are reported at once. A fault names the variable and its rule, never the value.

mod auth;
mod block;
mod bootstrap;
mod cors;
mod database;
#[cfg(test)]
mod documents;
mod dot_env;
mod effective;
mod environment;
mod faults;
mod issuer;
mod limits;
mod list;
mod log;
mod misspelt;
mod oidc;
mod section;
mod server;
mod session;
mod setting;
mod traces;
mod value;

pub use faults::{ConfigError, Fault};

pub(crate) use auth::AuthConfig;
pub(crate) use cors::CorsConfig;
pub(crate) use database::DatabaseSettings;
pub(crate) use effective::EffectiveSetting;
pub(crate) use limits::{Limits, RateLimitConfig};
pub(crate) use misspelt::unknown_variables;
pub(crate) use oidc::{DocsClient, OidcConfig};
pub(crate) use server::{Management, ServerConfig};
pub(crate) use session::SessionConfig;

use std::ffi::OsString;

use chrono::TimeDelta;

use crate::models::IdentityKey;
use crate::oidc::IssuerSettings;
use crate::telemetry::{LogConfig, TraceConfig};

use faults::Faults;

/// The complete configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) server: ServerConfig,
    pub(crate) limits: Limits,
    pub(crate) rate_limit: RateLimitConfig,
    pub(crate) database: DatabaseSettings,
    pub(crate) auth: AuthConfig,
    /// `None` if no issuer is configured: enough to migrate or to list routes, not to serve.
    pub(crate) oidc: Option<OidcConfig>,
    pub(crate) cors: CorsConfig,
    /// `None` if no key is set: browser sessions are disabled.
    pub(crate) session: Option<SessionConfig>,
    pub(crate) bootstrap_admin: Option<IdentityKey>,
    pub(crate) log: LogConfig,
    /// `None` if traces are not exported.
    pub(crate) traces: Option<TraceConfig>,
}

impl Config {
    /// Reads the process's environment and `.env` in the working folder; the environment takes precedence. `.env` is read only if it is
    /// writable by its owner only.
    ///
    /// # Errors
    ///
    /// Returns all faults at once if the configuration is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        dot_env::load(&mut faults);
        Self::read(std::env::vars_os(), faults)
    }

    /// As [`from_env`](Self::from_env), and the effective value of every variable.
    pub(crate) fn with_origins() -> (Vec<EffectiveSetting>, Result<Self, ConfigError>) {
        // Collected before `.env` is added to the environment.
        let own = std::env::vars_os().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect();
        let config = Self::from_env();
        (effective::settings(std::env::vars_os(), &own), config)
    }

    /// Reads the given variables and nothing else: neither `.env` nor the process's environment.
    ///
    /// ```
    /// use portcullis::Config;
    ///
    /// let faults = Config::from_vars([("OIDC_ISSUER", "https://id.example.com")]).unwrap_err();
    /// assert!(faults.to_string().contains("OIDC_AUDIENCE"));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns all faults at once if the configuration is invalid.
    pub fn from_vars<K, V>(vars: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        Self::read(vars.into_iter().map(|(name, value)| (name.into(), value.into())), Faults::default())
    }

    /// The canonical names of the trusted issuers.
    pub(crate) fn issuers(&self) -> Vec<String> {
        let settings = self.oidc.iter().flat_map(|oidc| &oidc.issuers);
        settings.flat_map(IssuerSettings::canonical_issuers).collect()
    }

    /// The foreign origins whose pages may use the session cookie.
    pub(crate) fn credentialed_origins(&self) -> &[String] {
        self.session.as_ref().map_or(&[], |session| &session.allowed_origins)
    }

    /// How long an unused session lasts.
    pub(crate) fn session_idle(&self) -> TimeDelta {
        self.session.as_ref().map_or(SessionConfig::IDLE, |session| session.idle)
    }

    fn read(vars: impl Iterator<Item = (OsString, OsString)>, mut faults: Faults) -> Result<Self, ConfigError> {
        let variables = environment::read(vars, &mut faults);
        let server = ServerConfig::new(variables.section(&mut faults), &mut faults);
        let limits = Limits::new(variables.section(&mut faults), variables.section(&mut faults));
        let rate_limit = RateLimitConfig::new(variables.section(&mut faults));
        let database = DatabaseSettings::new(variables.section(&mut faults));
        let auth = AuthConfig::new(variables.section(&mut faults));
        let oidc = OidcConfig::new(&variables, server.as_ref(), &mut faults);
        let cors = CorsConfig::new(variables.section(&mut faults));
        let session = SessionConfig::new(variables.section(&mut faults), oidc.as_ref(), server.as_ref(), &mut faults);
        let bootstrap_admin = bootstrap::admin(variables.section(&mut faults), oidc.as_ref(), &mut faults);
        let log = LogConfig::new(variables.section(&mut faults));
        let traces = TraceConfig::new(variables.section(&mut faults));
        faults.into_result()?;
        let config = || {
            Some(Self {
                server: server?,
                limits: limits?,
                rate_limit: rate_limit?,
                database: database?,
                auth: auth?,
                oidc,
                cors: cors?,
                session,
                bootstrap_admin,
                log: log?,
                traces: traces?,
            })
        };
        // A missing section has added a fault, so `into_result` has returned already.
        config().ok_or_else(|| ConfigError::new(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: (&str, &str) = ("OIDC_ISSUER", "https://id.example.com");
    const AUDIENCE: (&str, &str) = ("OIDC_AUDIENCE", "https://api.example.com");

    fn faults_of(vars: &[(&str, &str)]) -> String {
        Config::from_vars(vars.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn empty_environment_is_valid_and_has_no_issuer() {
        let config = Config::from_vars([("", ""); 0]).unwrap();
        assert!(config.oidc.is_none());
        assert_eq!(config.server.bind.to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn empty_variable_counts_as_absent() {
        let config = Config::from_vars([("OIDC_ISSUER", ""), ("SERVER_BIND", "")]).unwrap();
        assert!(config.oidc.is_none());
    }

    #[test]
    fn all_faults_are_reported_at_once_without_values() {
        let message = faults_of(&[
            ("SERVER_BIND", "marked-value-1"),
            ("SERVER_PUBLIC_URL", "marked-value-2"),
            ("DATABASE_URL", "marked-value-3"),
            ("OIDC_ISSUER", "marked-value-4"),
            ("OIDC_ALGORITHMS", "RS256,marked-value-5"),
            ("OIDC_SCOPE_MODE", "marked-value-6"),
            ("OIDC_JIT", "marked-value-7"),
            ("OIDC_DOCS_CLIENT_ID", "docs"),
            ("OIDC_DOCS_PARAMETERS", "marked-value-10"),
            ("CORS_ALLOWED_ORIGINS", "marked-value-11"),
            ("BOOTSTRAP_ADMIN", "marked-value-8"),
            ("LOG_FORMAT", "marked-value-9"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "marked-value-12"),
        ]);
        for name in [
            "SERVER_BIND",
            "SERVER_PUBLIC_URL",
            "DATABASE_URL",
            "OIDC_ISSUER",
            "OIDC_AUDIENCE",
            "OIDC_ALGORITHMS",
            "OIDC_SCOPE_MODE",
            "OIDC_JIT",
            "OIDC_DOCS_PARAMETERS",
            "CORS_ALLOWED_ORIGINS",
            "BOOTSTRAP_ADMIN",
            "LOG_FORMAT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ] {
            assert!(message.contains(name), "{name} is missing from:\n{message}");
        }
        assert!(!message.contains("marked-value"), "{message}");
    }

    #[test]
    fn weak_algorithms_are_rejected_and_the_variable_is_named() {
        for weak in ["none", "HS256", "RS256,HS512"] {
            assert!(faults_of(&[ISSUER, AUDIENCE, ("OIDC_ALGORITHMS", weak)]).contains("OIDC_ALGORITHMS"));
        }
    }

    #[test]
    fn value_from_a_file_has_no_trailing_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer");
        std::fs::write(&path, "https://id.example.com\n").unwrap();
        let vars = [("OIDC_ISSUER_FILE", path.to_str().unwrap()), AUDIENCE];
        let config = Config::from_vars(vars).unwrap();
        assert_eq!(config.oidc.unwrap().issuers[0].issuer, "https://id.example.com");
    }

    #[test]
    fn value_set_twice_or_from_a_missing_file_is_a_fault() {
        let message = faults_of(&[ISSUER, AUDIENCE, ("OIDC_ISSUER_FILE", "/nowhere/issuer")]);
        assert!(message.contains("OIDC_ISSUER_FILE"), "{message}");
        let message = faults_of(&[AUDIENCE, ("OIDC_ISSUER_FILE", "/nowhere/issuer")]);
        assert!(message.contains("OIDC_ISSUER_FILE") && !message.contains("/nowhere"), "{message}");
    }

    #[test]
    fn plain_http_issuer_is_accepted_on_loopback_and_for_allowed_hosts_only() {
        let loopback = ("OIDC_ISSUER", "http://127.0.0.1:8081");
        let inside = ("OIDC_ISSUER", "http://keycloak:8080/realms/main");
        let allowed = ("OIDC_ALLOW_HTTP_HOSTS", "keycloak:8080");
        let public = ("SERVER_PUBLIC_URL", "https://api.example.com");
        assert!(Config::from_vars([loopback, AUDIENCE]).is_ok());
        assert!(faults_of(&[loopback, AUDIENCE, public]).contains("OIDC_ISSUER"));
        assert!(faults_of(&[inside, AUDIENCE]).contains("OIDC_ISSUER"));
        assert!(Config::from_vars([inside, AUDIENCE, allowed]).is_ok());
        assert!(faults_of(&[inside, AUDIENCE, allowed, public]).contains("OIDC_ALLOW_HTTP_HOSTS"));
    }

    #[test]
    fn bootstrap_admin_of_an_untrusted_issuer_is_rejected() {
        let with_admin = |admin: &'static str| Config::from_vars([ISSUER, AUDIENCE, ("BOOTSTRAP_ADMIN", admin)]);
        assert!(with_admin("https://id.example.com 3f6c 1d2e").unwrap().bootstrap_admin.is_some());
        for wrong in
            ["https://id.example.com/ 3f6c", "\"https://id.example.com 3f6c\"", "https://id.example.com", "3f6c"]
        {
            assert!(with_admin(wrong).unwrap_err().to_string().contains("BOOTSTRAP_ADMIN"), "{wrong}");
        }
    }

    #[test]
    fn public_bind_address_requires_a_public_url() {
        assert!(faults_of(&[("SERVER_BIND", "0.0.0.0:8080")]).contains("SERVER_PUBLIC_URL"));
    }

    #[test]
    fn issuer_settings_without_an_issuer_are_a_fault() {
        assert!(faults_of(&[AUDIENCE]).contains("OIDC_ISSUER"));
    }
}
