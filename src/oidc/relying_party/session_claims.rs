//! The verified claims of a session, in their stored form.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::oidc::claims::ClaimTexts;
use crate::oidc::verification::trusted_issuer::TrustedIssuer;
use crate::oidc::{Claims, Profile, SubjectKind};

/// The verified claims of a sign-in. They are restored as [`Claims`], so they must be stored encrypted and authenticated.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionClaims {
    pub(crate) issuer: String,
    subject: String,
    client_id: Option<String>,
    scopes: BTreeSet<String>,
    roles: BTreeSet<String>,
    profile: StoredProfile,
    issued_at: Option<DateTime<Utc>>,
    /// The time of the provider's latest statement of the user's roles.
    roles_received_at: DateTime<Utc>,
}

/// [`Profile`], owned.
#[derive(Clone, Serialize, Deserialize)]
struct StoredProfile {
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    username: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
    locale: Option<String>,
}

impl StoredProfile {
    fn of(profile: &Profile<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            display_name: owned(profile.display_name),
            given_name: owned(profile.given_name),
            family_name: owned(profile.family_name),
            username: owned(profile.username),
            email: owned(profile.email),
            email_verified: profile.email_verified,
            locale: owned(profile.locale),
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
    pub(crate) fn of(claims: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            issuer: claims.issuer().to_owned(),
            subject: claims.subject().to_owned(),
            client_id: claims.client_id().map(str::to_owned),
            scopes: claims.scopes().clone(),
            roles: claims.roles().clone(),
            profile: StoredProfile::of(&claims.profile()),
            issued_at: claims.issued_at,
            roles_received_at: now,
        }
    }

    /// Returns the time of the provider's latest statement of the roles; `None` without roles, which cannot become stale.
    pub fn roles_received_at(&self) -> Option<DateTime<Utc>> {
        (!self.roles.is_empty()).then_some(self.roles_received_at)
    }

    /// Returns the same user with the roles and scopes of a newer access token.
    pub(crate) fn with_rights_of(&self, newer: &Claims, now: DateTime<Utc>) -> Self {
        Self {
            issuer: newer.issuer().to_owned(),
            subject: newer.subject().to_owned(),
            scopes: newer.scopes().clone(),
            roles: newer.roles().clone(),
            issued_at: newer.issued_at,
            roles_received_at: now,
            ..self.clone()
        }
    }

    pub(crate) fn is_same_user(&self, other: &Self) -> bool {
        (&self.issuer, &self.subject) == (&other.issuer, &other.subject)
    }

    /// Restores the claims. The issuer's policy comes from the current settings.
    pub(crate) fn restore(&self, issuer: &TrustedIssuer, ends_at: DateTime<Utc>) -> Claims {
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
