//! What admins say of people: of one to be, and what to change of one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IdentityRequest, present};
use crate::models::{ClientTime, ProfileField};
use crate::services::{NewUser, ProfileEdit, UserEdit};

/// Adds a person before they first come.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUserRequest {
    /// By what the person comes in: 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    identities: Vec<IdentityRequest>,
    /// The name to show. Names and locale that are set here stay so, whatever the provider says.
    #[schema(example = "Alice Archer")]
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The name of the account; the provider does not change it.
    username: Option<String>,
    /// The e-mail address; the provider does not change it.
    #[schema(example = "alice@example.com")]
    email: Option<String>,
    /// BCP 47.
    #[schema(example = "en-GB")]
    locale: Option<String>,
    /// When the account ends by itself; RFC 3339.
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<ClientTime>,
    /// Names of the roles to grant; `member` where it is absent.
    #[schema(example = json!(["member"]))]
    roles: Option<BTreeSet<String>>,
}

impl From<CreateUserRequest> for NewUser {
    fn from(request: CreateUserRequest) -> Self {
        let set = [
            (ProfileField::DisplayName, request.display_name),
            (ProfileField::GivenName, request.given_name),
            (ProfileField::FamilyName, request.family_name),
            (ProfileField::Locale, request.locale),
        ];
        let set = set.into_iter().filter_map(|(field, value)| Some((field, Some(value?))));
        Self {
            profile: set.fold(ProfileEdit::default(), |edit, (field, value)| edit.with(field, value)),
            username: request.username,
            email: request.email,
            expires_at: request.expires_at.map(ClientTime::utc),
            identities: request.identities.into_iter().map(Into::into).collect(),
            roles: request.roles,
        }
    }
}

/// A merge patch (RFC 7396): members that are absent stay. Null gives a name or the locale back to the provider, and removes the others.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUserRequest {
    /// The name to show.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Alice A.")]
    pub(crate) display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) given_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) family_name: Option<Option<String>>,
    /// BCP 47.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) locale: Option<Option<String>>,
    /// The name of the account: only where an admin made it, else it is the provider's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) username: Option<Option<String>>,
    /// The e-mail address: only where an admin made the account, else it is the provider's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) email: Option<Option<String>>,
    /// When the account ends by itself, RFC 3339; null for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expires_at: Option<Option<ClientTime>>,
}

impl From<UpdateUserRequest> for UserEdit {
    fn from(request: UpdateUserRequest) -> Self {
        let members = [
            (ProfileField::DisplayName, request.display_name),
            (ProfileField::GivenName, request.given_name),
            (ProfileField::FamilyName, request.family_name),
            (ProfileField::Locale, request.locale),
        ];
        let members = members.into_iter().filter_map(|(field, member)| Some((field, member?)));
        Self {
            profile: members.fold(ProfileEdit::default(), |edit, (field, value)| edit.with(field, value)),
            username: request.username,
            email: request.email,
            expires_at: request.expires_at.map(|end| end.map(ClientTime::utc)),
        }
    }
}
