//! `BOOTSTRAP_`: who becomes the first administrator.

use super::environment::RawBootstrap;
use super::faults::Faults;
use super::oidc::OidcConfig;
use crate::models::IdentityKey;

/// The person named by `BOOTSTRAP_ADMIN`, as issuer and subject with a space between: a subject may hold spaces, an issuer can't.
///
/// The issuer has to be one that is trusted, octet by octet: the name of any other would never match, without a word.
pub(super) fn parse(raw: RawBootstrap, oidc: Option<&OidcConfig>, faults: &mut Faults) -> Option<IdentityKey> {
    let rule = "the issuer, spelled as it is configured, a space and the person's subject there";
    let is_trusted = |issuer: &str| match oidc {
        Some(oidc) => oidc.trusts(issuer),
        None => issuer.contains("://"),
    };
    let identity = faults.parse("BOOTSTRAP_ADMIN", raw.admin, None, rule, |text| {
        let (issuer, subject) = text.split_once(' ')?;
        (is_trusted(issuer) && !subject.is_empty()).then(|| Some(IdentityKey::human(issuer, subject)))
    });
    identity.flatten()
}
