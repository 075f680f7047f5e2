//! The principal of a request.
//!
//! The fields that every request reads lie together, apart from those that are rarely read: with a thousand callers in turn, each
//! principal has left the processor's cache before its next request, and each further cache line costs a memory access.

use std::ops::Deref;
use std::sync::Arc;

use chrono::DateTime;

use super::first_contact;
use super::validity::{Need, PrincipalValidity};
use crate::models::PrincipalId;
use crate::models::permission::{Permission, PermissionSet};
use crate::oidc::Claims;
use crate::services::{Failure, KnownPrincipal};

/// The principal of a token, with the roles it holds with that token.
#[derive(Debug)]
pub struct ResolvedPrincipal {
    id: PrincipalId,
    /// The id of the identity by which it was found.
    identity: Box<str>,
    /// The permissions that its roles grant.
    granted: Arc<PermissionSet>,
    /// `None` if the principal is not cached.
    validity: Option<PrincipalValidity>,
    known: Box<KnownPrincipal>,
}

impl ResolvedPrincipal {
    /// A principal for one request, which is not cached. `identity` is the id of the identity by which it was found.
    pub(crate) fn once(known: KnownPrincipal, identity: &str) -> Self {
        let granted = Arc::new(known.permissions());
        Self::new(known, identity, granted, None)
    }

    /// A principal; `granted` holds the permissions that its roles grant.
    pub(crate) fn new(
        known: KnownPrincipal,
        identity: &str,
        granted: Arc<PermissionSet>,
        validity: Option<PrincipalValidity>,
    ) -> Self {
        let (id, identity) = (known.principal().id, identity.into());
        Self { id, identity, granted, validity, known: Box::new(known) }
    }

    /// The principal's id.
    pub fn id(&self) -> &PrincipalId {
        &self.id
    }

    /// The id of the identity by which the principal was found: the one of its linked identities that the token presents.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether any of its roles grants `permission`.
    pub fn grants(&self, permission: Permission) -> bool {
        self.granted.contains(&permission)
    }

    /// Decides on a request with `claims`, whose identity and role names are those of this principal, at `now` in microseconds since 1970:
    /// admitted, or refused for a reason. `None` if the principal is no longer valid or the request is to be recorded.
    pub(crate) fn decide(&self, claims: &Claims, need: Need, now: i64) -> Option<Result<(), Failure>> {
        self.validity.as_ref().filter(|validity| validity.is_valid(need, now))?;
        let moment = DateTime::from_timestamp_micros(now)?;
        match first_contact::admit_again(self.principal(), claims, moment) {
            Ok(()) => first_contact::has_no_effect(self.principal(), claims, moment).then_some(Ok(())),
            refused => Some(refused),
        }
    }

    /// As [`decide`](Self::decide), for a token that was decided on before and [may be cached](Self::may_cache) with this principal. Counts
    /// a hit.
    pub(crate) fn decide_again(&self, claims: &Claims, need: Need, now: i64) -> Option<Result<(), Failure>> {
        let validity = self.validity.as_ref().filter(|validity| validity.is_valid(need, now))?;
        if !validity.is_settled(claims, now) {
            // A refused token stays refused. One that is admitted is to be recorded.
            let refused = first_contact::admit_again(self.principal(), claims, DateTime::from_timestamp_micros(now)?);
            return refused.is_err().then(|| validity.count_hit()).map(|()| refused);
        }
        validity.count_hit();
        Some(Ok(()))
    }

    /// Whether the decision on a token, which is `is_admitted` or refused, may be cached with this principal.
    pub(crate) fn may_cache(&self, claims: &Claims, is_admitted: bool) -> bool {
        self.validity.is_some() && (!is_admitted || first_contact::stays_without_effect(self.principal(), claims))
    }

    /// Whether the principal was changed since it was read; `true` if it is not cached.
    pub(crate) fn is_changed(&self) -> bool {
        !self.validity.as_ref().is_some_and(PrincipalValidity::is_unchanged)
    }
}

impl Deref for ResolvedPrincipal {
    type Target = KnownPrincipal;

    fn deref(&self) -> &KnownPrincipal {
        &self.known
    }
}
