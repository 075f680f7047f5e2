//! People, as admins manage them.

use actix_web::web;

use super::optional_json::OptionalJson;
use super::preconditions::ExpectedVersion;
use crate::api_types::{DisableRequest, GrantRoleRequest, UserDetailResponse, Versioned};
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{USERS_READ, USERS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::services::{KnownPrincipal, UserService};

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/users/{id}", USERS_READ, op!(show))
        .post("/api/v1/users/{id}/disable", USERS_WRITE, op!(disable))
        .post("/api/v1/users/{id}/enable", USERS_WRITE, op!(enable))
        .post("/api/v1/users/{id}/revoke", USERS_WRITE, op!(revoke))
        .put("/api/v1/users/{id}/roles/{role}", USERS_WRITE, op!(grant_role))
        .delete("/api/v1/users/{id}/roles/{role}", USERS_WRITE, op!(revoke_role));
}

/// One person with their roles, and the ETag.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = UserDetailResponse), (status = 404, description = "No such person")),
)]
async fn show(
    id: web::Path<PrincipalId>,
    users: web::Data<UserService>,
) -> Result<Versioned<UserDetailResponse>, Error> {
    Ok(users.find(id.into_inner()).await?.into())
}

/// Shuts a person out and ends their sessions, whatever their token says. Disabling twice is disabling once.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    request_body(content = Option<DisableRequest>, description = "May be left out"),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person"),
        (status = 409, description = "The last administrator can't be disabled"),
        (status = 412, description = "It has changed since it was read"),
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

/// Lets a person in who is disabled or waits for approval. Tokens and sessions from before they were disabled stay refused: they sign
/// in again.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person"),
        (status = 412, description = "It has changed since it was read"),
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

/// Refuses every token that was issued to the person until now; they have to sign in again.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person"),
        (status = 412, description = "It has changed since it was read"),
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

/// Grants a role, or changes when the grant ends.
///
/// A role with administrative permissions can be granted by a caller who may use all of these with this token; any other role by a caller
/// with `roles:assign`, or who may use all that it grants. Nobody grants a role to themselves.
#[utoipa::path(
    put,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The principal's id"),
        ("role" = String, Path, description = "The role's name"),
    ),
    request_body(content = Option<GrantRoleRequest>, description = "May be left out"),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person or role"),
        (status = 409, description = "The last administrator's grant can't be given an end"),
        (status = 412, description = "It has changed since it was read"),
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
    Ok(users.grant_role(&actor, id, &role, request.0.expires_at, version.0).await?.into())
}

/// Takes a role away. Taking away what is not there changes nothing.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The principal's id"),
        ("role" = String, Path, description = "The role's name"),
    ),
    responses(
        (status = 200, body = UserDetailResponse),
        (status = 404, description = "No such person or role"),
        (status = 409, description = "The last administrator can't be demoted"),
        (status = 412, description = "It has changed since it was read"),
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
