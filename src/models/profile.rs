//! Profile fields. Each follows the provider until it is edited here.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

use super::column::json_column;

/// A profile field that the user may edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileField {
    /// The display name.
    DisplayName,
    /// The given name.
    GivenName,
    /// The family name.
    FamilyName,
    /// The language and region, a BCP 47 tag.
    Locale,
}

impl ProfileField {
    /// All fields.
    pub const ALL: [Self; 4] = [Self::DisplayName, Self::GivenName, Self::FamilyName, Self::Locale];

    /// The member name in requests, responses and the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::Locale => "locale",
        }
    }
}

/// The last values of the editable fields from the provider. `Debug` prints none of them.
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
    /// The `iat` of the token that last changed a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
}

impl ProviderProfile {
    /// The provider's value of `field`.
    pub fn get(&self, field: ProfileField) -> Option<&str> {
        match field {
            ProfileField::DisplayName => self.display_name.as_deref(),
            ProfileField::GivenName => self.given_name.as_deref(),
            ProfileField::FamilyName => self.family_name.as_deref(),
            ProfileField::Locale => self.locale.as_deref(),
        }
    }

    /// Sets the provider's value of `field`.
    pub fn set(&mut self, field: ProfileField, value: String) {
        let slot = match field {
            ProfileField::DisplayName => &mut self.display_name,
            ProfileField::GivenName => &mut self.given_name,
            ProfileField::FamilyName => &mut self.family_name,
            ProfileField::Locale => &mut self.locale,
        };
        *slot = Some(value);
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
