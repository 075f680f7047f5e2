//! The life cycle of users: status, token revocation and roles.

pub(crate) mod export;
pub(crate) mod identities;
pub(crate) mod lifecycle;
pub(crate) mod list;
pub(crate) mod roles;

use actix_web::web;

use super::optional_json::OptionalJson;
use super::preconditions::ExpectedVersion;
use crate::api_types::{DisableRequest, GrantRoleRequest, UserDetailResponse, Versioned};
use crate::auth::Caller;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{USERS_READ, USERS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::routing::Api;
use crate::services::{KnownPrincipal, UserService};

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
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses((status = 200, body = UserDetailResponse), (status = 404, description = "User not found")),
)]
async fn show(
    id: web::Path<PrincipalId>,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    Ok(users.find(id.into_inner()).await?.into())
}

/// Disables a user and ends their sessions.
///
/// All tokens of the user are refused. Disabling a disabled user has no effect.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    request_body(content = Option<DisableRequest>, description = "Optional"),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User not found"),
        (status = 409, description = "The last administrator cannot be disabled"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn disable(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    request: OptionalJson<DisableRequest>,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    let actor = caller.actor(request_id.to_string());
    Ok(users.disable(&actor, id.into_inner(), request.0.reason, version.0).await?.into())
}

/// Enables a user who is disabled or awaiting approval.
///
/// Tokens and sessions from before the user was disabled stay refused; the user must sign in again.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User not found"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn enable(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    Ok(users.enable(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?.into())
}

/// Revokes all tokens of a user.
///
/// Tokens issued before now are refused; the user must sign in again.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User not found"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn revoke(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    Ok(users.revoke(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?.into())
}

/// Grants a role to a user, or changes the expiry of the grant.
///
/// To grant a role with administrative permissions, the caller must be allowed to use all of these with the current token. To grant any
/// other role, the caller needs `roles:assign` or all permissions of the role. Callers cannot grant a role to themselves.
#[utoipa::path(
    put,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the user"),
        ("role" = String, Path, description = "The name of the role"),
    ),
    request_body(content = Option<GrantRoleRequest>, description = "Optional"),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User or role not found"),
        (status = 409, description = "The grant of the last administrator cannot expire"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn grant_role(
    path: web::Path<(PrincipalId, String)>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    request: OptionalJson<GrantRoleRequest>,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    let (id, role) = path.into_inner();
    let actor = caller.actor(request_id.to_string());
    Ok(users.grant_role(&actor, id, &role, request.0.expires_at.map(Into::into), version.0).await?.into())
}

/// Revokes a role from a user.
///
/// Revoking a role that is not granted has no effect.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the user"),
        ("role" = String, Path, description = "The name of the role"),
    ),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "User or role not found"),
        (status = 409, description = "The role of the last administrator cannot be revoked"),
        (status = 412, description = "The user has been modified"),
    ),
)]
async fn revoke_role(
    path: web::Path<(PrincipalId, String)>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    let (id, role) = path.into_inner();
    Ok(users.revoke_role(&caller.actor(request_id.to_string()), id, &role, version.0).await?.into())
}

impl From<KnownPrincipal> for Versioned<UserDetailResponse> {
    fn from(user: KnownPrincipal) -> Self {
        Self::new(user.principal().version, user.into())
    }
}
