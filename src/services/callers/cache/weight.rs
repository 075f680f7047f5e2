//! The memory of a cached principal.

use std::mem::size_of;
use std::sync::Arc;

use quick_cache::Weighter;

use super::key::{Key, PER_TEXT};
use crate::models::Principal;
use crate::services::{HeldRole, KnownPrincipal, ResolvedPrincipal};

/// The maximum memory of all entries, in bytes.
pub(crate) const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// The maximum number of entries.
const MAX_PRINCIPALS: u64 = 32 * 1024;

/// Weighs an entry by its approximate memory. The minimum weight bounds the number of entries as well.
#[derive(Clone)]
pub(crate) struct ByBytes;

impl Weighter<Key, Arc<ResolvedPrincipal>> for ByBytes {
    fn weight(&self, key: &Key, principal: &Arc<ResolvedPrincipal>) -> u64 {
        let bytes = key.bytes() + bytes_of(principal) + size_of::<(Key, ResolvedPrincipal)>();
        u64::try_from(bytes).unwrap_or(u64::MAX).max(MAX_BYTES / MAX_PRINCIPALS)
    }
}

fn bytes_of(known: &KnownPrincipal) -> usize {
    let Principal { display_name, given_name, family_name, username, email, locale, .. } = known.principal();
    let texts = [display_name, given_name, family_name, username, email, locale];
    // Twice: the provider's values are stored in addition to the shown ones.
    let texts: usize = texts.into_iter().flatten().map(|text| 2 * (text.len() + PER_TEXT)).sum();
    let roles = known.roles().iter();
    let roles: usize =
        roles.map(|role| size_of::<HeldRole>() + role.name.len() + role.permissions.len() * PER_TEXT).sum();
    size_of::<KnownPrincipal>() + texts + roles
}
