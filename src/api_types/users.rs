//! Users.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment};
use crate::models::Principal;
use crate::services::KnownPrincipal;

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserResponse {
    /// The id of the user.
    id: String,
    /// The display name.
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The user name at the identity provider; not unique.
    username: Option<String>,
    /// The e-mail address; not unique.
    email: Option<String>,
    /// Whether the identity provider has verified the e-mail address: `verified`, `unverified` or `unknown`.
    #[schema(example = "verified")]
    email_state: &'static str,
    /// The locale as a BCP 47 language tag.
    locale: Option<String>,
    /// The status: `pending`, `active`, `disabled` or `deleted`.
    #[schema(example = "active")]
    status: &'static str,
    /// The reason that was given when the account was disabled.
    disabled_reason: Option<String>,
    /// Tokens issued before this time are refused (RFC 3339).
    not_before: Option<String>,
    /// When the account expires (RFC 3339).
    expires_at: Option<String>,
    /// When the user was last seen, to the hour (RFC 3339).
    last_seen_at: Option<String>,
    /// When the account was created (RFC 3339).
    created_at: String,
    /// When the account was last modified (RFC 3339).
    updated_at: String,
}

impl From<Principal> for UserResponse {
    fn from(principal: Principal) -> Self {
        Self {
            id: principal.id.to_string(),
            display_name: principal.display_name,
            given_name: principal.given_name,
            family_name: principal.family_name,
            username: principal.username,
            email: principal.email,
            email_state: principal.email_state.as_str(),
            locale: principal.locale,
            status: principal.status.as_str(),
            disabled_reason: principal.disabled_reason,
            not_before: principal.not_before.map(moment),
            expires_at: principal.expires_at.map(moment),
            last_seen_at: principal.last_seen_at.map(moment),
            created_at: moment(principal.created_at),
            updated_at: moment(principal.updated_at),
        }
    }
}

/// A user with their roles.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserDetailResponse {
    #[serde(flatten)]
    user: UserResponse,
    /// The roles of the current grants. Roles in a token are not included; see `/api/v1/me/access`.
    roles: Vec<HeldRoleResponse>,
}

impl From<KnownPrincipal> for UserDetailResponse {
    fn from(user: KnownPrincipal) -> Self {
        Self { roles: user.roles().iter().map(Into::into).collect(), user: user.principal().clone().into() }
    }
}

/// The reason for disabling an account. The body is optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisableRequest {
    /// The reason, for other administrators.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) reason: Option<String>,
}
