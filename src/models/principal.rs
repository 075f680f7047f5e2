//! Principals: users and service accounts.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::fold::fold;
use super::{
    ClaimRoles, DisabledBy, EditedFields, EmailState, Moment, Origin, PrincipalId, PrincipalKind, PrincipalStatus,
    ProfileField, ProviderProfile,
};
use crate::database::MultiBackend;
use crate::schema::principals;

/// A stored user or service account. `Debug` prints no personal data.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = principals, treat_none_as_null = true, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct Principal {
    /// The id.
    pub id: PrincipalId,
    /// The kind: user or service account.
    pub kind: PrincipalKind,
    /// The display name.
    pub display_name: Option<String>,
    /// The case-folded display name; empty if there is none.
    pub display_name_ci: String,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// The user name. Not unique.
    pub username: Option<String>,
    /// The e-mail address. Not unique, and never used for a decision.
    pub email: Option<String>,
    /// Whether the provider verified the e-mail address.
    pub email_state: EmailState,
    /// The language and region, a BCP 47 tag.
    pub locale: Option<String>,
    /// The last values of the editable fields from the provider.
    pub provider_profile: ProviderProfile,
    /// The editable fields that no longer follow the provider.
    pub edited_fields: EditedFields,
    /// The status, which decides on admission.
    pub status: PrincipalStatus,
    /// The party that disabled it, if it is disabled.
    pub disabled_by: Option<DisabledBy>,
    /// The reason for disabling, as entered.
    pub disabled_reason: Option<String>,
    /// How it was created.
    pub origin: Origin,
    /// The id at the provider's provisioning.
    pub external_id: Option<String>,
    /// The role names of the last token seen.
    pub claim_roles: ClaimRoles,
    /// The time of the token with these role names.
    pub claim_roles_at: Option<Moment>,
    /// Tokens issued before this time are refused. Whole seconds.
    pub not_before: Option<Moment>,
    /// The expiry of the account, if any.
    pub expires_at: Option<Moment>,
    /// The time of deletion, if it is deleted.
    pub deleted_at: Option<Moment>,
    /// The version, incremented by every change that is visible to a client.
    pub version: i64,
    /// The creation time.
    pub created_at: Moment,
    /// The time of the last edit.
    pub updated_at: Moment,
    /// The time of the last change that affects the handling of its requests.
    pub changed_at: Moment,
    /// The time of the last visit, to the hour.
    pub last_seen_at: Option<Moment>,
    /// The status before deletion, if it is deleted.
    pub deleted_from: Option<PrincipalStatus>,
}

impl Principal {
    /// Returns a new principal with an empty profile.
    pub fn new(kind: PrincipalKind, status: PrincipalStatus, origin: Origin, now: Moment) -> Self {
        Self {
            id: PrincipalId::generate(),
            kind,
            display_name: None,
            display_name_ci: String::new(),
            given_name: None,
            family_name: None,
            username: None,
            email: None,
            email_state: EmailState::Unknown,
            locale: None,
            provider_profile: ProviderProfile::default(),
            edited_fields: EditedFields::default(),
            status,
            disabled_by: None,
            disabled_reason: None,
            origin,
            external_id: None,
            claim_roles: ClaimRoles::default(),
            claim_roles_at: None,
            not_before: None,
            expires_at: None,
            deleted_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
            changed_at: now,
            last_seen_at: None,
            deleted_from: None,
        }
    }

    /// The value of an editable field.
    pub fn profile_field(&self, field: ProfileField) -> Option<&str> {
        match field {
            ProfileField::DisplayName => self.display_name.as_deref(),
            ProfileField::GivenName => self.given_name.as_deref(),
            ProfileField::FamilyName => self.family_name.as_deref(),
            ProfileField::Locale => self.locale.as_deref(),
        }
    }

    /// Sets an editable field. The folded display name follows the display name.
    pub fn set_profile_field(&mut self, field: ProfileField, value: Option<String>) {
        match field {
            ProfileField::DisplayName => {
                self.display_name_ci = fold(value.as_deref().unwrap_or_default());
                self.display_name = value;
            }
            ProfileField::GivenName => self.given_name = value,
            ProfileField::FamilyName => self.family_name = value,
            ProfileField::Locale => self.locale = value,
        }
    }

    /// Records an edit that is visible to clients: increments the version and sets the edit times.
    pub fn mark_edited(&mut self, now: Moment) {
        self.version += 1;
        self.updated_at = now;
        self.changed_at = now;
    }

    /// Whether the account has expired at `now`.
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end.utc() <= now)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
