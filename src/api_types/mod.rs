//! Request and response bodies.
//!
//! Each request body is a separate type that rejects unknown members, so that a client can set only the intended members. Each response
//! body lists its members.

mod access;
mod audit;
mod health;
mod identities;
mod me;
mod metadata;
mod page;
mod roles;
mod service_accounts;
mod sessions;
mod user_edits;
mod user_export;
mod user_list;
mod users;
mod versioned;

pub(crate) use access::{GrantsResponse, PrincipalAccessResponse};
pub(crate) use audit::{AuditCursor, AuditEventResponse, AuditQuery};
pub(crate) use health::{CheckResponse, ReadinessResponse, StartupResponse};
pub(crate) use identities::{IdentitiesResponse, IdentityRequest, IdentityResponse, ReadmissionResponse};
pub(crate) use me::{AccessResponse, MeResponse, PermissionResponse, UpdateMeRequest};
pub(crate) use metadata::ProtectedResourceResponse;
pub(crate) use page::{Cursor, PageQuery, PageResponse};
pub(crate) use roles::{
    DeleteRoleQuery, GrantRoleRequest, HeldRoleResponse, PutRoleRequest, RoleResponse, RolesResponse,
};
pub(crate) use service_accounts::{
    RegisterServiceAccountRequest, ServiceAccountDetailResponse, ServiceAccountResponse, UpdateServiceAccountRequest,
};
pub(crate) use sessions::{
    BackchannelLogoutRequest, CallbackQuery, LoginQuery, LogoutResponse, Prompt, SessionResponse, SessionsResponse,
    WhoResponse,
};
pub(crate) use user_edits::{CreateUserRequest, UpdateUserRequest};
pub(crate) use user_export::UserExportResponse;
pub(crate) use user_list::{Contradiction, ListUsersQuery};
pub(crate) use users::{DisableRequest, UserDetailResponse, UserResponse};
pub(crate) use versioned::Versioned;

use chrono::{DateTime, SecondsFormat, Utc};

use serde::{Deserialize, Deserializer};

use crate::models::{Moment, ProfileField};
use crate::services::ProfileEdit;

/// Returns the time in RFC 3339 format, in UTC.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn moment(moment: Moment) -> String {
    rfc3339(moment.utc())
}

/// Distinguishes a null member from an absent one.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Returns the edit of the display name, the given name, the family name and the locale, in this order. `None` leaves a field as it is.
fn profile_edit(members: [Option<Option<String>>; 4]) -> ProfileEdit {
    let fields = [ProfileField::DisplayName, ProfileField::GivenName, ProfileField::FamilyName, ProfileField::Locale];
    let present = fields.into_iter().zip(members).filter_map(|(field, member)| Some((field, member?)));
    present.fold(ProfileEdit::default(), |edit, (field, value)| edit.with(field, value))
}
