//! The life cycle of users: status, token revocation and roles.

pub(crate) mod export;
pub(crate) mod identities;
pub(crate) mod lifecycle;
pub(crate) mod list;
pub(crate) mod roles;

use super::accounts::{Account, Change, Documented, RoleChange};
use super::optional_json::OptionalJson;
use crate::api_types::{DisableRequest, GrantRoleRequest, UserDetailResponse, Versioned};
use crate::error::Error;
use crate::models::permission::{USERS_READ, USERS_WRITE};
use crate::op;
use crate::routing::Api;
use crate::services::{KnownPrincipal, User};

type Detail = Versioned<UserDetailResponse>;

impl Documented for User {
    const TITLE: &str = "User";
    type Created = UserDetailResponse;
}

pub(super) fn register(api: &mut Api) {
    export::register(api);
    identities::register(api);
    list::register(api);
    lifecycle::register(api);
    roles::register(api);
    api.get("/api/v1/users/{id}", USERS_READ, op!(show))
        .post("/api/v1/users/{id}/disable", USERS_WRITE, op!(disable))
        .post("/api/v1/users/{id}/enable", USERS_WRITE, op!(enable))
        .post("/api/v1/users/{id}/revoke", USERS_WRITE, op!(revoke))
        .put("/api/v1/users/{id}/roles/{role}", USERS_WRITE, op!(grant_role))
        .delete("/api/v1/users/{id}/roles/{role}", USERS_WRITE, op!(revoke_role));
}

/// Returns a user with their roles.
///
/// `ETag` is the version to send as `If-Match` in a change.
#[utoipa::path(
    get,
    path = "",
    params(Account<User>),
    responses((status = 200, body = UserDetailResponse), Account<User>),
)]
async fn show(account: Account<User>) -> Result<Detail, Error> {
    account.show().await
}

/// Disables a user and ends their sessions.
///
/// All tokens of the user are refused. Disabling a disabled user has no effect.
#[utoipa::path(
    post,
    path = "",
    params(Change<User>),
    request_body(content = Option<DisableRequest>, description = "Optional"),
    responses(Detail, Change<User>, (status = 409, description = "The last administrator cannot be disabled")),
)]
async fn disable(change: Change<User>, request: OptionalJson<DisableRequest>) -> Result<Detail, Error> {
    change.disable(request.0).await
}

/// Enables a user who is disabled or awaiting approval.
///
/// Tokens and sessions from before the user was disabled stay refused; the user must sign in again.
#[utoipa::path(post, path = "", params(Change<User>), responses(Detail, Change<User>))]
async fn enable(change: Change<User>) -> Result<Detail, Error> {
    change.enable().await
}

/// Revokes all tokens of a user.
///
/// Tokens issued before now are refused; the user must sign in again.
#[utoipa::path(post, path = "", params(Change<User>), responses(Detail, Change<User>))]
async fn revoke(change: Change<User>) -> Result<Detail, Error> {
    change.revoke().await
}

/// Grants a role to a user, or changes the expiry of the grant.
///
/// To grant a role with administrative permissions, the caller must be allowed to use all of these with the current token. To grant any
/// other role, the caller needs `roles:assign` or all permissions of the role. Callers cannot grant a role to themselves.
#[utoipa::path(
    put,
    path = "",
    params(RoleChange<User>),
    request_body(content = Option<GrantRoleRequest>, description = "Optional"),
    responses(
        Detail,
        RoleChange<User>,
        (status = 409, description = "The grant of the last administrator cannot expire"),
    ),
)]
async fn grant_role(change: RoleChange<User>, request: OptionalJson<GrantRoleRequest>) -> Result<Detail, Error> {
    change.grant(request.0).await
}

/// Revokes a role from a user.
///
/// Revoking a role that is not granted has no effect.
#[utoipa::path(
    delete,
    path = "",
    params(RoleChange<User>),
    responses(
        Detail,
        RoleChange<User>,
        (status = 409, description = "The role of the last administrator cannot be revoked"),
    ),
)]
async fn revoke_role(change: RoleChange<User>) -> Result<Detail, Error> {
    change.revoke().await
}

impl From<KnownPrincipal> for Detail {
    fn from(user: KnownPrincipal) -> Self {
        Self::new(user.principal().version, user.into())
    }
}
