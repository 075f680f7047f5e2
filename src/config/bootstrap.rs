//! `BOOTSTRAP_`: who becomes the first administrator.

use super::environment::RawBootstrap;
use super::faults::Faults;
use crate::models::IdentityKey;

/// The person named by `BOOTSTRAP_ADMIN`, as issuer and subject with a space between: a subject may hold spaces, an issuer can't.
pub(super) fn parse(raw: RawBootstrap, faults: &mut Faults) -> Option<IdentityKey> {
    let rule = "the issuer, a space and the person's subject there";
    let identity = faults.parse("BOOTSTRAP_ADMIN", raw.admin, None, rule, |text| {
        let (issuer, subject) = text.split_once(' ')?;
        let is_named = issuer.contains("://") && !subject.is_empty();
        is_named.then(|| Some(IdentityKey::human(issuer, subject)))
    });
    identity.flatten()
}
