//! Proved claims between two proofs: what of them is kept, and how they come back.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::oidc::claims::ClaimTexts;
use crate::oidc::trusted_issuer::TrustedIssuer;
use crate::oidc::{Claims, Profile, SubjectKind};

/// What a sign-in proved. It comes back as [`Claims`], so it must be kept where nobody else can write it: sealed with a key of ours.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionClaims {
    pub(super) issuer: String,
    subject: String,
    client_id: Option<String>,
    scopes: BTreeSet<String>,
    roles: BTreeSet<String>,
    profile: KeptProfile,
    issued_at: Option<DateTime<Utc>>,
    /// When the provider last said which roles they have.
    roles_told_at: DateTime<Utc>,
}

/// [`Profile`], owned.
#[derive(Clone, Serialize, Deserialize)]
struct KeptProfile {
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    username: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    locale: Option<String>,
}

impl KeptProfile {
    fn of(profile: &Profile<'_>) -> Self {
        let kept = |text: Option<&str>| text.map(str::to_owned);
        Self {
            display_name: kept(profile.display_name),
            given_name: kept(profile.given_name),
            family_name: kept(profile.family_name),
            username: kept(profile.username),
            email: kept(profile.email),
            email_verified: profile.email_verified,
            locale: kept(profile.locale),
        }
    }

    fn restore(&self) -> Profile<'_> {
        Profile {
            display_name: self.display_name.as_deref(),
            given_name: self.given_name.as_deref(),
            family_name: self.family_name.as_deref(),
            username: self.username.as_deref(),
            email: self.email.as_deref(),
            email_verified: self.email_verified,
            locale: self.locale.as_deref(),
        }
    }
}

impl SessionClaims {
    pub(super) fn of(claims: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            issuer: claims.issuer().to_owned(),
            subject: claims.subject().to_owned(),
            client_id: claims.client_id().map(str::to_owned),
            scopes: claims.scopes().clone(),
            roles: claims.roles().clone(),
            profile: KeptProfile::of(&claims.profile()),
            issued_at: claims.issued_at,
            roles_told_at: now,
        }
    }

    /// When the provider last said which roles they have; `None` where it gives them none, so that nothing can have grown old.
    pub fn roles_told_at(&self) -> Option<DateTime<Utc>> {
        (!self.roles.is_empty()).then_some(self.roles_told_at)
    }

    /// The same person with the roles of a newer access token.
    pub(super) fn with_rights_of(&self, newer: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            issuer: newer.issuer().to_owned(),
            subject: newer.subject().to_owned(),
            scopes: newer.scopes().clone(),
            roles: newer.roles().clone(),
            issued_at: newer.issued_at,
            roles_told_at: now,
            ..self.clone()
        }
    }

    pub(super) fn is_same_person(&self, other: &Self) -> bool {
        (&self.issuer, &self.subject) == (&other.issuer, &other.subject)
    }

    /// What is not the person's but the operator's to say is read from the settings of now.
    pub(super) fn restore(&self, issuer: &TrustedIssuer, ends_at: DateTime<Utc>) -> Claims {
        let profile = self.profile.restore();
        Claims {
            policy: issuer.terms_of(&self.issuer),
            kind: SubjectKind::Human,
            first_party: true,
            email_verified: profile.email_verified,
            texts: ClaimTexts::new(&self.subject, self.client_id.as_deref(), &profile),
            scopes: Arc::new(self.scopes.clone()),
            roles: Arc::new(self.roles.clone()),
            issued_at: self.issued_at,
            expires_at: ends_at,
        }
    }
}

impl std::fmt::Debug for SessionClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionClaims").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
