//! Proved claims between two proofs: what of them is kept, and how they come back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::oidc::trusted_issuer::TrustedIssuer;
use crate::oidc::{Claims, Profile, ScopeMode, SubjectKind};

/// What a sign-in proved. It comes back as [`Claims`], so it must be kept where nobody else can write it: sealed with a key of ours.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeptClaims {
    pub(super) issuer: String,
    subject: String,
    client_id: Option<String>,
    scopes: BTreeSet<String>,
    roles: BTreeSet<String>,
    profile: Profile,
    issued_at: Option<DateTime<Utc>>,
}

impl KeptClaims {
    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            issuer: claims.issuer.to_string(),
            subject: claims.subject.clone(),
            client_id: claims.client_id.clone(),
            scopes: claims.scopes.clone(),
            roles: claims.roles.clone(),
            profile: claims.profile.clone(),
            issued_at: claims.issued_at,
        }
    }

    /// The same person with the roles of a newer access token.
    pub(super) fn with_rights_of(&self, newer: &Claims) -> Self {
        Self {
            issuer: newer.issuer.to_string(),
            subject: newer.subject.clone(),
            scopes: newer.scopes.clone(),
            roles: newer.roles.clone(),
            issued_at: newer.issued_at,
            ..self.clone()
        }
    }

    pub(super) fn is_same_person(&self, other: &Self) -> bool {
        (&self.issuer, &self.subject) == (&other.issuer, &other.subject)
    }

    /// What is not the person's but the operator's to say is read from the settings of now.
    pub(super) fn restore(&self, issuer: &TrustedIssuer, ends_at: DateTime<Utc>) -> Claims {
        let settings = &issuer.settings;
        Claims {
            issuer: self.issuer.as_str().into(),
            issuer_name: issuer.short_name(),
            kind: SubjectKind::Human,
            subject: self.subject.clone(),
            client_id: self.client_id.clone(),
            first_party: true,
            scopes_unused: settings.scope_mode == ScopeMode::RolesOnly,
            scope_prefix: issuer.scope_prefix(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            admin_allowed: settings.mapping.allows_admin_role,
            jit: settings.jit,
            profile: self.profile.clone(),
            issued_at: self.issued_at,
            expires_at: ends_at,
        }
    }
}

impl std::fmt::Debug for KeptClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptClaims").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
