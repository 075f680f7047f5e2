//! Who owns a name: the provider until somebody edits it here.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

use super::column::json_column;

/// A field of the profile that its owner may edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileField {
    /// The name to show.
    DisplayName,
    /// The given name.
    GivenName,
    /// The family name.
    FamilyName,
    /// The language and region, a BCP 47 tag.
    Locale,
}

impl ProfileField {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DisplayName, Self::GivenName, Self::FamilyName, Self::Locale];

    /// The name of its member in requests, answers and the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::Locale => "locale",
        }
    }
}

/// What the provider last said of the editable fields. Its `Debug` prints none of it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct ProviderProfile {
    /// OIDC `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// OIDC `given_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// OIDC `family_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// OIDC `locale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// When the provider said it: the issue of the token that last changed anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
}

impl ProviderProfile {
    /// What the provider said of `field`.
    pub fn get(&self, field: ProfileField) -> Option<&str> {
        match field {
            ProfileField::DisplayName => self.display_name.as_deref(),
            ProfileField::GivenName => self.given_name.as_deref(),
            ProfileField::FamilyName => self.family_name.as_deref(),
            ProfileField::Locale => self.locale.as_deref(),
        }
    }

    /// Keeps what the provider says of `field`.
    pub fn set(&mut self, field: ProfileField, value: String) {
        let place = match field {
            ProfileField::DisplayName => &mut self.display_name,
            ProfileField::GivenName => &mut self.given_name,
            ProfileField::FamilyName => &mut self.family_name,
            ProfileField::Locale => &mut self.locale,
        };
        *place = Some(value);
    }
}

impl fmt::Debug for ProviderProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderProfile").finish_non_exhaustive()
    }
}

json_column!(ProviderProfile);

/// The fields that were edited here and no longer follow the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct EditedFields(pub BTreeSet<ProfileField>);

json_column!(EditedFields);
