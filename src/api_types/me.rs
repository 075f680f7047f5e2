//! The caller's own profile and rights.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment, present};
use crate::models::{EmailState, Principal};

/// The caller's own profile.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeResponse {
    /// The principal's id here.
    id: String,
    /// `human` or `machine`.
    #[schema(example = "human")]
    kind: &'static str,
    /// The name to show.
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The provider's name for the account.
    username: Option<String>,
    email: Option<String>,
    /// `verified`, `unverified` or `unknown`: what the provider says of the e-mail.
    #[schema(example = "verified")]
    email_state: &'static str,
    /// BCP 47.
    #[schema(example = "en-GB")]
    locale: Option<String>,
    /// Members that were edited here and so no longer follow the provider; set one to null to give it back.
    edited: Vec<&'static str>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
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

/// A merge patch (RFC 7396): members that are absent stay, null gives a member back to the provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMeRequest {
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
}

/// What the caller may do, and why.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessResponse {
    /// The principal's id here.
    pub(crate) id: String,
    /// The client that obtained the token.
    pub(crate) client_id: Option<String>,
    /// Whether the client acts with all the rights of its principal.
    pub(crate) first_party: bool,
    /// Whether the issuer delegates by scope; where it does not, roles decide alone.
    pub(crate) delegates_by_scope: bool,
    /// When the presented token ends; RFC 3339.
    pub(crate) token_expires_at: String,
    /// The scopes of the token, without the issuer's prefix.
    pub(crate) scopes: Vec<String>,
    /// The roles that count.
    pub(crate) roles: Vec<HeldRoleResponse>,
    /// Every permission that is declared, and how it stands with it.
    pub(crate) permissions: Vec<PermissionResponse>,
}

/// One permission, and what stands behind it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PermissionResponse {
    /// `resource:action`.
    #[schema(example = "users:read")]
    pub(crate) name: &'static str,
    /// Whether the caller may use it: it is delegated, and some role grants it.
    pub(crate) allowed: bool,
    /// Whether the token delegates it.
    pub(crate) delegated: bool,
    /// The roles that grant it.
    pub(crate) granted_by: Vec<String>,
}
