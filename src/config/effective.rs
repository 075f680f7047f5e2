//! What each variable says in effect, and where that comes from: for an operator to look at.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};

use super::environment::{FILE_SUFFIX, variables};

/// The table of variables tells each default, and a test holds it to that.
const DOCUMENTATION: &str = include_str!("../../README.md");

/// What stands for a secret.
const STARS: &str = "********";

/// Variables whose names end so hold secrets.
const SECRET_ENDINGS: &[&str] = &["_SECRET", "_KEY", "_KEYS", "_PASSWORD", "_TOKEN", "_HEADERS"];

/// One variable as it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) variable: &'static str,
    /// Fit to be shown: a secret is stars.
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody has set it: the value is what the documentation says of that.
    Default,
    /// The process's environment.
    Environment,
    /// `.env` in the working folder.
    DotEnv,
    /// A file that the environment names.
    File,
    /// A file that `.env` names.
    FileOfDotEnv,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::File => "file, named by the environment",
            Self::FileOfDotEnv => "file, named by .env",
        })
    }
}

/// Every variable that is read. `vars` are the variables with those of `.env` among them, `own` the names that the process had without it.
pub(super) fn settings(vars: impl Iterator<Item = (OsString, OsString)>, own: &HashSet<OsString>) -> Vec<Setting> {
    let set: BTreeMap<OsString, OsString> = vars.filter(|(_, value)| !value.is_empty()).collect();
    let defaults = defaults();
    let setting = |variable: &'static str| {
        let from_file = format!("{variable}{FILE_SUFFIX}");
        if let Some(value) = set.get(OsStr::new(variable)) {
            let origin = if own.contains(OsStr::new(variable)) { Origin::Environment } else { Origin::DotEnv };
            return Setting { variable, value: shown(variable, &value.to_string_lossy()), origin };
        }
        if let Some(path) = set.get(OsStr::new(&from_file)) {
            let origin = if own.contains(OsStr::new(&from_file)) { Origin::File } else { Origin::FileOfDotEnv };
            let value = match std::fs::read_to_string(path) {
                Ok(text) => shown(variable, text.trim_end_matches(['\r', '\n'])),
                Err(_) => "can't be read".to_owned(),
            };
            return Setting { variable, value, origin };
        }
        let value = defaults.get(variable).copied().unwrap_or("none").replace('`', "");
        Setting { variable, value, origin: Origin::Default }
    };
    variables().map(setting).collect()
}

/// What the documentation says of each variable that is not set.
fn defaults() -> BTreeMap<&'static str, &'static str> {
    let rows = DOCUMENTATION.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        Some((cells.next()?.strip_suffix('`')?, cells.next()?))
    });
    rows.collect()
}

/// The value without what is secret in it, on one line.
fn shown(variable: &str, value: &str) -> String {
    if SECRET_ENDINGS.iter().any(|ending| variable.ends_with(ending)) || value.contains("PRIVATE KEY") {
        return STARS.to_owned();
    }
    if value.to_ascii_lowercase().contains("password=") {
        return STARS.to_owned();
    }
    let lines = value.lines().count();
    if lines > 1 {
        return format!("{lines} lines");
    }
    // Of an issuer and a subject, which is no address.
    let value = if variable == "BOOTSTRAP_ADMIN" { value.to_owned() } else { without_password(value) };
    value.chars().filter(|c| !c.is_control()).collect()
}

/// An address without the password before its host. Others stay as they are.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password with such a character in it, spelt wrongly, hides the rest: better than showing it.
    let is_cut = rest.get(..end).is_some_and(|authority| !authority.contains('@'));
    let (authority, path) = if rest.contains('@') && is_cut { (rest, "") } else { rest.split_at(end) };
    match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{scheme}://{name}:{STARS}@{host}{path}"),
            None => value.to_owned(),
        },
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn of(vars: &[(&str, &str)], own: &[&str]) -> Vec<Setting> {
        let vars = vars.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        settings(vars, &own.iter().map(OsString::from).collect())
    }

    fn find<'a>(settings: &'a [Setting], variable: &str) -> (&'a str, Origin) {
        let setting = settings.iter().find(|setting| setting.variable == variable).unwrap();
        (&setting.value, setting.origin)
    }

    #[test]
    fn each_value_is_told_with_where_it_comes_from() {
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
    fn no_secret_is_shown_in_any_spelling() {
        for (variable, value) in [
            ("OIDC_INTROSPECTION_CLIENT_SECRET", "marked"),
            ("OIDC_INTROSPECTION_PRIVATE_KEY", "marked"),
            ("OIDC_EXTRA_CA", "-----BEGIN PRIVATE KEY-----\nmarked"),
            ("DATABASE_URL", "postgres://user:marked@db.example/name"),
            ("DATABASE_URL", "postgres://user:mar/marked@db.example/name"),
            ("DATABASE_URL", "postgres://user:mark@marked@db.example/name"),
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
    fn what_is_no_secret_is_shown_as_it_is() {
        for (variable, value) in [
            ("OIDC_INTROSPECTION_PRIVATE_KEY_ID", "key-1"),
            ("OIDC_ACCEPT_ID_TOKENS", "true"),
            ("DATABASE_URL", "postgres://user@db.example/name"),
            ("BOOTSTRAP_ADMIN", "https://id.example.com:8443 me@example.com"),
        ] {
            assert_eq!(find(&of(&[(variable, value)], &[]), variable).0, value);
        }
    }

    /// So the documentation's column is right, and what is shown as the default is.
    #[test]
    fn what_is_documented_as_a_default_changes_nothing_when_it_is_set() {
        let base = [("OIDC_ISSUER", "https://id.example.com"), ("OIDC_AUDIENCE", "api")];
        let told = |extra: Option<(&str, &str)>| {
            let config = Config::from_vars(base.into_iter().chain(extra));
            format!("{:?}", config.unwrap_or_else(|error| panic!("{extra:?}: {error}")))
        };
        let unset = told(None);
        let defaults = defaults();
        let spelt = variables().filter_map(|variable| {
            let default = defaults[variable].strip_prefix('`')?.strip_suffix('`')?;
            // They may be set only where the provider is asked about tokens.
            let is_for_introspection =
                ["OIDC_INTROSPECTION_AUTH", "OIDC_INTROSPECTION_REQUIRE_AUD", "OIDC_TRUST_ACTIVE"].contains(&variable);
            (!default.contains('`') && !is_for_introspection).then_some((variable, default))
        });
        let spelt: Vec<_> = spelt.collect();
        assert!(spelt.len() > 15, "{spelt:?}");
        for (variable, default) in spelt {
            assert_eq!(told(Some((variable, default))), unset, "{variable}={default}");
        }
    }
}
