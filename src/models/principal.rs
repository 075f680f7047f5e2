//! A person or a program known here.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::search::fold;
use super::{
    ClaimRoles, DisabledBy, EditedFields, EmailState, Moment, Origin, PrincipalId, PrincipalKind, PrincipalStatus,
    ProfileField, ProviderProfile,
};
use crate::database::MultiBackend;
use crate::schema::principals;

/// A person or a program, as stored. Its `Debug` prints nothing personal.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = principals, treat_none_as_null = true, treat_none_as_default_value = false, check_for_backend(MultiBackend))]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// Person or program.
    pub kind: PrincipalKind,
    /// The name to show.
    pub display_name: Option<String>,
    /// The name to show, folded; empty where there is none.
    pub display_name_ci: String,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// The provider's name for the account. Not unique.
    pub username: Option<String>,
    /// The e-mail address. Not unique, and nothing is decided by it.
    pub email: Option<String>,
    /// What the provider says of the e-mail address.
    pub email_state: EmailState,
    /// The language and region, a BCP 47 tag.
    pub locale: Option<String>,
    /// What the provider last said of the editable fields.
    pub provider_profile: ProviderProfile,
    /// Which of them no longer follow the provider.
    pub edited_fields: EditedFields,
    /// Whether it may come in.
    pub status: PrincipalStatus,
    /// Who shut it out, if it is.
    pub disabled_by: Option<DisabledBy>,
    /// Why, in the words of whoever did it.
    pub disabled_reason: Option<String>,
    /// How it came to be known.
    pub origin: Origin,
    /// The id by which the provider's provisioning knows it.
    pub external_id: Option<String>,
    /// The role names of the last token seen.
    pub claim_roles: ClaimRoles,
    /// When they were seen.
    pub claim_roles_at: Option<Moment>,
    /// Tokens issued before this, whole seconds, are refused.
    pub not_before: Option<Moment>,
    /// From when on it is shut out, if ever.
    pub expires_at: Option<Moment>,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Moment>,
    /// Moves with every edit of what a client sees.
    pub version: i64,
    /// When it came to be known.
    pub created_at: Moment,
    /// When it was last edited.
    pub updated_at: Moment,
    /// When anything that bears on its requests last changed.
    pub changed_at: Moment,
    /// When it was last seen, to the hour.
    pub last_seen_at: Option<Moment>,
    /// What its status was before it was deleted, if it is.
    pub deleted_from: Option<PrincipalStatus>,
}

impl Principal {
    /// A principal that nobody has described yet.
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

    /// What an editable field shows.
    pub fn profile_field(&self, field: ProfileField) -> Option<&str> {
        match field {
            ProfileField::DisplayName => self.display_name.as_deref(),
            ProfileField::GivenName => self.given_name.as_deref(),
            ProfileField::FamilyName => self.family_name.as_deref(),
            ProfileField::Locale => self.locale.as_deref(),
        }
    }

    /// Sets what an editable field shows, and the folded name with the name.
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

    /// Marks an edit of what a client sees.
    pub fn mark_edited(&mut self, now: Moment) {
        self.version += 1;
        self.updated_at = now;
        self.changed_at = now;
    }

    /// Whether its account has ended by `now`.
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
