//! The creation and modification of users by administrators.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IdentityRequest, present, profile_edit};
use crate::models::ClientTime;
use crate::services::{NewUser, UserEdit};

/// The user to create.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUserRequest {
    /// The identities that the user can sign in with, 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    identities: Vec<IdentityRequest>,
    /// The display name. Names and locale that are set here are not synchronized with the identity provider.
    #[schema(example = "Alice Archer")]
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The user name. It is not synchronized with the identity provider.
    username: Option<String>,
    /// The e-mail address. It is not synchronized with the identity provider.
    #[schema(example = "alice@example.com")]
    email: Option<String>,
    /// The locale as a BCP 47 language tag.
    #[schema(example = "en-GB")]
    locale: Option<String>,
    /// When the account expires (RFC 3339).
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<ClientTime>,
    /// The names of the roles to grant; defaults to `member`.
    #[schema(example = json!(["member"]))]
    roles: Option<BTreeSet<String>>,
}

impl From<CreateUserRequest> for NewUser {
    fn from(request: CreateUserRequest) -> Self {
        let set = [request.display_name, request.given_name, request.family_name, request.locale];
        Self {
            profile: profile_edit(set.map(|value| value.map(Some))),
            username: request.username,
            email: request.email,
            expires_at: request.expires_at.map(ClientTime::utc),
            identities: request.identities.into_iter().map(Into::into).collect(),
            roles: request.roles,
        }
    }
}

/// A JSON merge patch (RFC 7396). Absent members are not changed. Null restores the synchronization of a name or the locale with the
/// identity provider, and removes any other member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUserRequest {
    /// The display name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Alice A.")]
    pub(crate) display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) given_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) family_name: Option<Option<String>>,
    /// The locale as a BCP 47 language tag.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) locale: Option<Option<String>>,
    /// The user name. It can be changed only if an administrator created the account.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) username: Option<Option<String>>,
    /// The e-mail address. It can be changed only if an administrator created the account.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub(crate) email: Option<Option<String>>,
    /// When the account expires (RFC 3339); null for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    pub(crate) expires_at: Option<Option<ClientTime>>,
}

impl From<UpdateUserRequest> for UserEdit {
    fn from(request: UpdateUserRequest) -> Self {
        Self {
            profile: profile_edit([request.display_name, request.given_name, request.family_name, request.locale]),
            username: request.username,
            email: request.email,
            expires_at: request.expires_at.map(|end| end.map(ClientTime::utc)),
        }
    }
}
