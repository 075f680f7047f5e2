//! The caller's own profile and permissions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment, present, profile_edit};
use crate::models::{EmailState, Principal};
use crate::services::ProfileEdit;

/// The caller's own profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeResponse {
    /// The id of the principal.
    id: String,
    /// The kind of principal: `human` or `machine`.
    #[schema(example = "human")]
    kind: &'static str,
    /// The display name.
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The user name at the identity provider.
    username: Option<String>,
    email: Option<String>,
    /// Whether the identity provider has verified the e-mail address: `verified`, `unverified` or `unknown`.
    #[schema(example = "verified")]
    email_state: &'static str,
    /// The locale as a BCP 47 language tag.
    #[schema(example = "en-GB")]
    locale: Option<String>,
    /// The members that were edited here and are no longer synchronized with the identity provider. Set a member to null to restore the
    /// synchronization.
    edited: Vec<&'static str>,
    /// When the account was created (RFC 3339).
    created_at: String,
    /// When the account was last modified (RFC 3339).
    updated_at: String,
}

impl From<Principal> for MeResponse {
    fn from(principal: Principal) -> Self {
        Self {
            id: principal.id.to_string(),
            kind: principal.kind.as_str(),
            display_name: principal.display_name,
            given_name: principal.given_name,
            family_name: principal.family_name,
            username: principal.username,
            email: principal.email,
            email_state: EmailState::as_str(principal.email_state),
            locale: principal.locale,
            edited: principal.edited_fields.0.iter().map(|field| field.as_str()).collect(),
            created_at: moment(principal.created_at),
            updated_at: moment(principal.updated_at),
        }
    }
}

/// A JSON merge patch (RFC 7396). Absent members are not changed; null restores the synchronization with the identity provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMeRequest {
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
}

impl From<UpdateMeRequest> for ProfileEdit {
    fn from(request: UpdateMeRequest) -> Self {
        let UpdateMeRequest { display_name, given_name, family_name, locale } = request;
        profile_edit([display_name, given_name, family_name, locale])
    }
}

/// The effective permissions of the caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessResponse {
    /// The id of the principal.
    pub(crate) id: String,
    /// The id of the client that obtained the token.
    pub(crate) client_id: Option<String>,
    /// Whether the client is first-party: it acts with all permissions of the principal.
    pub(crate) first_party: bool,
    /// Whether the issuer delegates by scope. If false, only roles grant permissions.
    pub(crate) delegates_by_scope: bool,
    /// When the presented token expires (RFC 3339).
    pub(crate) token_expires_at: String,
    /// The scopes of the token, without the issuer's prefix.
    pub(crate) scopes: Vec<String>,
    /// The effective roles.
    pub(crate) roles: Vec<HeldRoleResponse>,
    /// All permissions of the service, each with the caller's access to it.
    pub(crate) permissions: Vec<PermissionResponse>,
}

/// A permission and the caller's access to it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PermissionResponse {
    /// The name, as `resource:action`.
    #[schema(example = "users:read")]
    pub(crate) name: &'static str,
    /// Whether the caller may use the permission: the token delegates it and a role grants it.
    pub(crate) allowed: bool,
    /// Whether the token delegates the permission.
    pub(crate) delegated: bool,
    /// The names of the roles that grant the permission.
    pub(crate) granted_by: Vec<String>,
}
