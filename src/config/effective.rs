//! The effective value and the source of each variable, for `portcullis config`.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};

use super::bootstrap::Identity;
use super::list::{self, FILE_SUFFIX};
use super::section::{Fallback, Spec};
use super::value::Value;

/// The mask of a secret.
const STARS: &str = "********";

/// The effective value of one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EffectiveSetting {
    pub(crate) variable: &'static str,
    /// Safe to print: secrets are masked.
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Not set: the value is the documented default.
    Default,
    /// The process's environment.
    Environment,
    /// `.env` in the working folder.
    DotEnv,
    /// A file named by the environment.
    File,
    /// A file named by `.env`.
    FileOfDotEnv,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::File => "file (named by environment)",
            Self::FileOfDotEnv => "file (named by .env)",
        })
    }
}

/// Every known variable. `vars` includes the variables of `.env`; `own` holds the names that were set before `.env` was loaded.
pub(super) fn settings(
    vars: impl Iterator<Item = (OsString, OsString)>,
    own: &HashSet<OsString>,
) -> Vec<EffectiveSetting> {
    let set: BTreeMap<OsString, OsString> = vars.filter(|(_, value)| !value.is_empty()).collect();
    let setting = |spec: &'static Spec| {
        let variable = spec.variable;
        let from_file = format!("{variable}{FILE_SUFFIX}");
        if let Some(value) = set.get(OsStr::new(variable)) {
            let origin = if own.contains(OsStr::new(variable)) { Origin::Environment } else { Origin::DotEnv };
            return EffectiveSetting { variable, value: shown(spec, &value.to_string_lossy()), origin };
        }
        if let Some(path) = set.get(OsStr::new(&from_file)) {
            let origin = if own.contains(OsStr::new(&from_file)) { Origin::File } else { Origin::FileOfDotEnv };
            let value = match std::fs::read_to_string(path) {
                Ok(text) => shown(spec, text.trim_end_matches(['\r', '\n'])),
                Err(_) => "(unreadable)".to_owned(),
            };
            return EffectiveSetting { variable, value, origin };
        }
        let value = match spec.default {
            Fallback::Value(value) => value.to_owned(),
            Fallback::Described(words) => words.replace('`', ""),
        };
        EffectiveSetting { variable, value, origin: Origin::Default }
    };
    list::settings().map(setting).collect()
}

/// The value on one line, with secrets masked.
fn shown(spec: &Spec, value: &str) -> String {
    if spec.is_secret || value.contains("PRIVATE KEY") {
        return STARS.to_owned();
    }
    if value.to_ascii_lowercase().contains("password=") {
        return STARS.to_owned();
    }
    let lines = value.lines().count();
    if lines > 1 {
        return format!("{lines} lines");
    }
    // An issuer and a subject: not a URL with credentials.
    let value = if spec.kind == Identity::TYPE { value.to_owned() } else { without_password(value, spec.kind) };
    value.chars().filter(|c| !c.is_control()).collect()
}

/// A URL with its password masked. In place of a URL, a text with an `@` may hold a password too, and is hidden. Other values are unchanged.
fn without_password(value: &str, kind: &str) -> String {
    let Some(at) = value.rfind('@') else { return value.to_owned() };
    let Some((scheme, rest)) = value.split_once("://").filter(|(scheme, _)| scheme.len() < at) else {
        return if kind == "URL" { STARS.to_owned() } else { value.to_owned() };
    };
    // Up to the last `@`, because a password may contain any character unescaped.
    let (user, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:{STARS}@{host}"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn of(vars: &[(&str, &str)], own: &[&str]) -> Vec<EffectiveSetting> {
        let vars = vars.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        settings(vars, &own.iter().map(OsString::from).collect())
    }

    fn find<'a>(settings: &'a [EffectiveSetting], variable: &str) -> (&'a str, Origin) {
        let setting = settings.iter().find(|setting| setting.variable == variable).unwrap();
        (&setting.value, setting.origin)
    }

    #[test]
    fn each_value_is_listed_with_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audience");
        std::fs::write(&path, "https://api.example.com\n").unwrap();
        let vars = [
            ("OIDC_ISSUER", "https://id.example.com"),
            ("OIDC_AUDIENCE_FILE", path.to_str().unwrap()),
            ("OIDC_JIT", "off"),
            ("LOG_LEVEL", ""),
        ];
        let settings = of(&vars, &["OIDC_ISSUER", "OIDC_AUDIENCE_FILE"]);
        assert_eq!(find(&settings, "OIDC_ISSUER"), ("https://id.example.com", Origin::Environment));
        assert_eq!(find(&settings, "OIDC_AUDIENCE"), ("https://api.example.com", Origin::File));
        assert_eq!(find(&settings, "OIDC_JIT"), ("off", Origin::DotEnv));
        assert_eq!(find(&settings, "LOG_LEVEL"), ("info,actix_server=warn", Origin::Default));
        assert_eq!(find(&settings, "OIDC_TENANTS"), ("none", Origin::Default));
    }

    #[test]
    fn secrets_are_masked_in_every_spelling() {
        for (variable, value) in [
            ("OIDC_INTROSPECTION_CLIENT_SECRET", "marked"),
            ("OIDC_INTROSPECTION_PRIVATE_KEY", "marked"),
            ("OIDC_EXTRA_CA", "-----BEGIN PRIVATE KEY-----\nmarked"),
            ("DATABASE_URL", "postgres://user:marked@db.example/name"),
            ("DATABASE_URL", "postgres://user:mar/marked@db.example/name"),
            ("DATABASE_URL", "postgres://user:mark@marked@db.example/name"),
            ("DATABASE_URL", "postgres://user:m@rk/marked@db.example/name"),
            ("DATABASE_URL", "user:marked@db.example/name"),
            ("DATABASE_URL", "postgres:user:marked@db.example"),
            ("DATABASE_URL", "postgres://db.example/name?user=u&password=marked"),
            ("DATABASE_URL", "host=db.example Password=marked"),
            ("OIDC_DISCOVERY_URL", "https://user:marked@id.example.com/"),
        ] {
            let settings = of(&[(variable, value)], &[]);
            let (shown, _) = find(&settings, variable);
            assert!(!shown.contains("marked") && shown.contains('*'), "{variable}: {shown}");
        }
        let settings = of(&[("DATABASE_URL", "postgres://user:marked@db.example/name")], &[]);
        assert_eq!(find(&settings, "DATABASE_URL").0, "postgres://user:********@db.example/name");
    }

    #[test]
    fn values_without_secrets_are_shown_unchanged() {
        for (variable, value) in [
            ("OIDC_INTROSPECTION_PRIVATE_KEY_ID", "key-1"),
            ("OIDC_ACCEPT_ID_TOKENS", "true"),
            ("DATABASE_URL", "postgres://user@db.example/name"),
            ("BOOTSTRAP_ADMIN", "https://id.example.com:8443 me@example.com"),
        ] {
            assert_eq!(find(&of(&[(variable, value)], &[]), variable).0, value);
        }
    }

    /// Keeps the documented defaults, which are also the displayed ones, correct.
    #[test]
    fn documented_default_changes_nothing_when_set_explicitly() {
        let base = [("OIDC_ISSUER", "https://id.example.com"), ("OIDC_AUDIENCE", "api")];
        let parsed = |extra: Option<(&str, &str)>| {
            let config = Config::from_vars(base.into_iter().chain(extra));
            format!("{:?}", config.unwrap_or_else(|error| panic!("{extra:?}: {error}")))
        };
        let unset = parsed(None);
        let documented = list::settings().filter_map(|spec| {
            // These are valid only where introspection is enabled.
            let is_for_introspection =
                ["OIDC_INTROSPECTION_AUTH", "OIDC_INTROSPECTION_REQUIRE_AUD", "OIDC_TRUST_ACTIVE"]
                    .contains(&spec.variable);
            Some((spec.variable, spec.default.value()?)).filter(|_| !is_for_introspection)
        });
        let documented: Vec<_> = documented.collect();
        assert!(documented.len() > 15, "{documented:?}");
        for (variable, default) in documented {
            assert_eq!(parsed(Some((variable, default))), unset, "{variable}={default}");
        }
    }
}
