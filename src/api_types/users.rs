//! People as admins see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HeldRoleResponse, moment};
use crate::models::Principal;
use crate::services::KnownPrincipal;

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserResponse {
    /// The principal's id here.
    id: String,
    /// The name to show.
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The provider's name for the account; not unique.
    username: Option<String>,
    /// Not unique.
    email: Option<String>,
    /// `verified`, `unverified` or `unknown`: what the provider says of the e-mail.
    #[schema(example = "verified")]
    email_state: &'static str,
    /// BCP 47.
    locale: Option<String>,
    /// `pending`, `active`, `disabled` or `deleted`.
    #[schema(example = "active")]
    status: &'static str,
    /// Why the account is disabled, in the words of who did it.
    disabled_reason: Option<String>,
    /// Tokens issued before this are refused; RFC 3339.
    not_before: Option<String>,
    /// When the account ends by itself; RFC 3339.
    expires_at: Option<String>,
    /// To the hour; RFC 3339.
    last_seen_at: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
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

/// A person with the roles that they were granted.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserDetailResponse {
    #[serde(flatten)]
    user: UserResponse,
    /// Grants that count now. Roles that a token carries are not known here: see `/api/v1/me/access`.
    roles: Vec<HeldRoleResponse>,
}

impl From<KnownPrincipal> for UserDetailResponse {
    fn from(user: KnownPrincipal) -> Self {
        Self { roles: user.roles().iter().map(Into::into).collect(), user: user.principal().clone().into() }
    }
}

/// Why an account is disabled. The body may be left out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisableRequest {
    /// For other admins to read.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) reason: Option<String>,
}
