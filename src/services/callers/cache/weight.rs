//! The memory of a cached principal.

use std::mem::size_of;
use std::sync::Arc;

use quick_cache::Weighter;

use super::key::Key;
use super::{MAX_BYTES, MAX_PRINCIPALS};
use crate::models::Principal;
use crate::services::{HeldRole, KnownPrincipal, ResolvedPrincipal};

/// Weighs an entry by its approximate memory. The minimum weight bounds the number of entries as well.
#[derive(Clone)]
pub(crate) struct ByBytes;

impl Weighter<Key, Arc<ResolvedPrincipal>> for ByBytes {
    fn weight(&self, _: &Key, principal: &Arc<ResolvedPrincipal>) -> u64 {
        let bytes = principal.entry.as_ref().map_or(0, |entry| entry.bytes);
        u64::try_from(bytes).unwrap_or(u64::MAX).max(MAX_BYTES / MAX_PRINCIPALS)
    }
}

/// The allocator's overhead of a text.
pub(crate) const PER_TEXT: usize = 40;

pub(crate) fn bytes_of(known: &KnownPrincipal) -> usize {
    let Principal { display_name, given_name, family_name, username, email, locale, .. } = known.principal();
    let texts = [display_name, given_name, family_name, username, email, locale];
    // Twice: the provider's values are stored in addition to the shown ones.
    let texts: usize = texts.into_iter().flatten().map(|text| 2 * (text.len() + PER_TEXT)).sum();
    let roles = known.roles().iter();
    let roles: usize =
        roles.map(|role| size_of::<HeldRole>() + role.name.len() + role.permissions.len() * PER_TEXT).sum();
    size_of::<KnownPrincipal>() + texts + roles
}
