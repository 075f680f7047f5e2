//! Environment variables that look like settings but are not known: a misspelt setting would otherwise be ignored silently.

use std::fmt;

use super::list::{FILE_SUFFIX, known, prefixes, variables};

/// The prefix shared with OpenTelemetry's own variables: only near matches of known settings are reported.
const STANDARD_PREFIX: &str = "OTEL_";
/// Variables set by desktop environments.
const OTHERS: [&str; 1] = ["SESSION_MANAGER"];

/// A variable that is not a setting.
pub(crate) struct UnknownVariable {
    name: String,
    /// The known variable with the most similar name, if any is close.
    nearest: Option<String>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nearest {
            Some(nearest) => write!(f, "{} is not a setting; did you mean {nearest}?", self.name),
            None => write!(f, "{} is not a setting, and is ignored", self.name),
        }
    }
}

/// The variables of this process that have a known prefix or nearly the name of a setting, but are not settings.
pub(crate) fn unknown_variables() -> Vec<UnknownVariable> {
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut unknown: Vec<_> = variables.filter_map(|(name, value)| unknown(name, &value.to_string_lossy())).collect();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

fn unknown(name: String, value: &str) -> Option<UnknownVariable> {
    if known(&name).is_some() || OTHERS.contains(&&*name) || is_service_link(&name, value) {
        return None;
    }
    let nearest = nearest(&name);
    let is_ours = prefixes().any(|prefix| prefix != STANDARD_PREFIX && name.starts_with(prefix));
    (is_ours || nearest.as_ref().is_some_and(|(_, edits)| *edits <= 2))
        .then(|| UnknownVariable { nearest: nearest.map(|(known, _)| known), name })
}

/// Whether Kubernetes set the variable for a Service named like a prefix (`DATABASE_SERVICE_HOST`, `DATABASE_PORT_5432_TCP`).
fn is_service_link(name: &str, value: &str) -> bool {
    let Some((_, rest)) = name.split_once('_') else { return false };
    let is_numbered_port = || {
        let number = rest.strip_prefix("PORT_").and_then(|rest| rest.split('_').next());
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit()))
    };
    // A bare port could be a misspelt setting: the value of a service link is an address.
    rest == "PORT" && value.contains("://")
        || rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || is_numbered_port()
}

/// The known variable with the smallest edit distance, and that distance: at most a quarter of its length.
fn nearest(name: &str) -> Option<(String, usize)> {
    let files = variables().map(|variable| format!("{variable}{FILE_SUFFIX}"));
    let candidates = variables().map(str::to_owned).chain(files);
    let near = candidates.map(|variable| {
        let edits = edits(name, &variable);
        (variable, edits)
    });
    near.filter(|(variable, edits)| edits * 4 <= variable.len()).min_by_key(|(_, edits)| *edits)
}

/// The Levenshtein distance of two names: the number of insertions, removals and replacements.
fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (removed, octet) in one.bytes().enumerate() {
        let mut diagonal = removed;
        let mut left = removed + 1;
        for (cell, wanted) in row.iter_mut().skip(1).zip(other.bytes()) {
            let replaced = diagonal + usize::from(octet != wanted);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = removed + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(name: &str) -> Option<String> {
        unknown(name.to_owned(), "tcp://10.0.0.1:5432").map(|unknown| unknown.to_string())
    }

    #[test]
    fn misspelt_setting_of_every_prefix_is_reported_with_the_nearest() {
        for (name, nearest) in [
            ("SERVER_TRUSTED_PROXY", "SERVER_TRUSTED_PROXIES"),
            ("SESSION_IDLE_SECOND", "SESSION_IDLE_SECONDS"),
            ("DATABASE_POOLSIZE", "DATABASE_POOL_SIZE"),
            ("AUTH_STALE_SECS", "AUTH_STALE_SECONDS"),
            ("RATE_LIMIT_FAILURES_PER_MIN", "RATE_LIMIT_FAILURES_PER_MINUTE"),
            ("OIDC_AUDIENCES", "OIDC_AUDIENCE"),
            ("CORS_ALLOWED_ORIGIN", "CORS_ALLOWED_ORIGINS"),
            ("BOOTSTRAP_ADMINS", "BOOTSTRAP_ADMIN"),
            ("LOG_LEVLE", "LOG_LEVEL"),
            ("OTEL_EXPORTER_OTLP_ENDPOIN", "OTEL_EXPORTER_OTLP_ENDPOINT"),
            // The prefix is misspelt.
            ("OICD_ISSUER", "OIDC_ISSUER"),
            ("DATABSE_URL", "DATABASE_URL"),
            ("SESSION_KEY_FIEL", "SESSION_KEY_FILE"),
        ] {
            let expected = format!("{name} is not a setting; did you mean {nearest}?");
            assert_eq!(warning(name).as_deref(), Some(&*expected));
        }
    }

    #[test]
    fn variable_without_a_near_match_is_reported_if_its_prefix_is_known() {
        for name in ["SESSION_COOKIE_SAME_SITE", "SERVER_TLS_CERTIFICATE", "OIDC_REALM_OF_TENANTS"] {
            assert_eq!(warning(name), Some(format!("{name} is not a setting, and is ignored")));
        }
    }

    #[test]
    fn settings_and_variables_of_orchestrators_and_desktops_are_not_reported() {
        for name in [
            "SERVER_BIND",
            "SESSION_KEY_FILE",
            "DATABASE_SERVICE_HOST",
            "DATABASE_SERVICE_PORT",
            "DATABASE_SERVICE_PORT_POSTGRES",
            "DATABASE_PORT",
            "DATABASE_PORT_5432_TCP",
            "DATABASE_PORT_5432_TCP_ADDR",
            "SESSION_MANAGER",
            "OTEL_RESOURCE_ATTRIBUTES",
            "PATH",
            "HOME",
            "HOSTNAME",
        ] {
            assert_eq!(warning(name), None, "{name}");
        }
    }

    #[test]
    fn edit_distance_counts_insertions_removals_and_replacements() {
        for (one, other, expected) in
            [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(one, other), expected, "{one} {other}");
        }
    }
}
