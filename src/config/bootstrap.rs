//! `BOOTSTRAP_`: the identity of the first administrator.

use super::environment::RawBootstrap;
use super::faults::Faults;
use super::oidc::OidcConfig;
use crate::models::IdentityKey;

/// The identity in `BOOTSTRAP_ADMIN`: issuer and subject, separated by the first space. A subject may contain spaces, an issuer cannot.
///
/// The issuer must be a trusted one, byte for byte: any other name would silently never match.
pub(super) fn parse(raw: RawBootstrap, oidc: Option<&OidcConfig>, faults: &mut Faults) -> Option<IdentityKey> {
    let rule = "a trusted issuer exactly as configured, a space and the subject of the user";
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
