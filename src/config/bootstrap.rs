//! `BOOTSTRAP_`: the identity of the first administrator.

use super::faults::Faults;
use super::oidc::OidcConfig;
use super::section::{NONE, section};
use super::value::Value;
use crate::models::IdentityKey;

const RULE: &str = "a trusted issuer exactly as configured, a space and the subject of the user";

section!("First administrator", "BOOTSTRAP_", BootstrapSection {
    /// The first administrator. It takes effect only while there is no administrator. A shell and `.env` need quotes around the value, which
    /// are not part of it.
    admin: Identity => NONE, example "https://id.example.com 3f6c1d2e";
});

/// Issuer and subject, separated by the first space. A subject may contain spaces, an issuer cannot.
pub(super) struct Identity {
    issuer: String,
    subject: String,
}

impl Value for Identity {
    const TYPE: &'static str = "identity";
    const RULE: &'static str = RULE;

    fn parse(text: &str) -> Option<Self> {
        let (issuer, subject) = text.split_once(' ')?;
        let is_identity = issuer.contains("://") && !subject.is_empty();
        is_identity.then(|| Self { issuer: issuer.to_owned(), subject: subject.to_owned() })
    }
}

/// The identity of the first administrator. Its issuer must be a trusted one, byte for byte: any other name would silently never match.
pub(super) fn admin(section: BootstrapSection, oidc: Option<&OidcConfig>, faults: &mut Faults) -> Option<IdentityKey> {
    let Identity { issuer, subject } = section.admin.good()?;
    if oidc.is_some_and(|oidc| !oidc.trusts(&issuer)) {
        faults.add("BOOTSTRAP_ADMIN", RULE);
    }
    Some(IdentityKey::human(&issuer, &subject))
}
