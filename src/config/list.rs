//! The list of all settings, in the order of the documentation.
//!
//! Each setting is declared once, in its section. Parsing, `portcullis config`, the detection of misspelt variables, `.env.sample` and the
//! tables in docs/configuration.md follow from the list.

use super::auth::AuthSection;
use super::bootstrap::BootstrapSection;
use super::cors::CorsSection;
use super::database::DatabaseSection;
use super::issuer::{IntrospectionSection, IssuerSection, LoginSection, RolesSection, ScopesSection};
use super::limits::{LimitsSection, ProxySection, RateLimitSection};
use super::log::LogSection;
use super::oidc::{DocsSection, IssuersSection};
use super::section::{Group, Section, Spec};
use super::server::ServerSection;
use super::session::SessionSection;
use super::traces::TraceSection;

/// The variable with this suffix names a file that holds the value.
pub(super) const FILE_SUFFIX: &str = "_FILE";

/// Every section.
pub(super) const GROUPS: &[&Group] = &[
    &ServerSection::GROUP,
    &ProxySection::GROUP,
    &LimitsSection::GROUP,
    &RateLimitSection::GROUP,
    &DatabaseSection::GROUP,
    &AuthSection::GROUP,
    &IssuerSection::GROUP,
    &IssuersSection::GROUP,
    &RolesSection::GROUP,
    &ScopesSection::GROUP,
    &IntrospectionSection::GROUP,
    &LoginSection::GROUP,
    &DocsSection::GROUP,
    &CorsSection::GROUP,
    &SessionSection::GROUP,
    &BootstrapSection::GROUP,
    &LogSection::GROUP,
    &TraceSection::GROUP,
];

/// Every setting.
pub(super) fn settings() -> impl Iterator<Item = &'static Spec> {
    GROUPS.iter().flat_map(|group| group.settings)
}

/// Every variable.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    settings().map(|spec| spec.variable)
}

/// The prefix of each section.
pub(super) fn prefixes() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.prefix)
}

/// The variable that `name` sets, and whether `name` has the file suffix.
pub(super) fn known(name: &str) -> Option<(&str, bool)> {
    let is_known = |name: &str| variables().any(|variable| variable == name);
    if is_known(name) {
        return Some((name, false));
    }
    name.strip_suffix(FILE_SUFFIX).filter(|variable| is_known(variable)).map(|variable| (variable, true))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_variable_is_listed_once_and_has_the_prefix_of_its_section() {
        let all: Vec<_> = variables().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for group in GROUPS {
            assert!(group.settings.iter().all(|spec| spec.variable.starts_with(group.prefix)), "{}", group.title);
        }
        assert_eq!(known("OIDC_ISSUERS_FILE"), Some(("OIDC_ISSUERS_FILE", false)));
        assert_eq!(known("OIDC_ISSUER_FILE"), Some(("OIDC_ISSUER", true)));
        assert_eq!(known("OIDC_ISSUER_FILE_FILE"), None);
    }

    /// A setting whose name promises a secret is masked by `portcullis config`.
    #[test]
    fn every_setting_with_the_name_of_a_secret_is_one() {
        let endings = ["_SECRET", "_KEY", "_KEYS", "_PASSWORD", "_TOKEN", "_HEADERS"];
        let by_name = settings().filter(|spec| endings.iter().any(|ending| spec.variable.ends_with(ending)));
        let by_name: Vec<_> = by_name.map(|spec| (spec.variable, spec.is_secret)).collect();
        assert!(by_name.len() >= 4 && by_name.iter().all(|(_, is_secret)| *is_secret), "{by_name:?}");
    }

    /// A bad value of every setting is a fault, so each variable reaches its field. Some accept any text.
    #[test]
    fn every_variable_reaches_its_field() {
        let any_text = settings().filter(|spec| matches!(spec.kind, "text" | "path" | "claim" | "secret"));
        let any_text: BTreeSet<_> = any_text.map(|spec| spec.variable).collect();
        let vars = variables().map(|variable| (variable, "\u{1}\u{2}"));
        let error = crate::Config::from_vars(vars).unwrap_err();
        let reported: BTreeSet<_> = error.faults().iter().map(|fault| fault.variable()).collect();
        for spec in settings().filter(|spec| spec.kind != "list" && !any_text.contains(spec.variable)) {
            assert!(reported.contains(spec.variable), "{} is not in {error}", spec.variable);
        }
    }
}
