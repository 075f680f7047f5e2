//! Roles: sets of permissions that are granted by name.

use actix_web::{HttpResponse, web};

use super::json_object::JsonObject;
use super::preconditions::{PutCondition, RequiredVersion};
use crate::api_types::{DeleteRoleQuery, PutRoleRequest, RoleResponse, RolesResponse, Versioned};
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::permission::{ROLES_READ, ROLES_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::services::{KnownVersion, RoleDraft, RoleService};

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/roles", ROLES_READ, op!(list))
        .get("/api/v1/roles/{name}", ROLES_READ, op!(show))
        .put("/api/v1/roles/{name}", ROLES_WRITE, op!(put))
        .delete("/api/v1/roles/{name}", ROLES_WRITE, op!(delete));
}

/// Every role with what it grants.
#[utoipa::path(get, path = "", responses((status = 200, body = RolesResponse)))]
async fn list(roles: web::Data<RoleService>) -> Result<web::Json<RolesResponse>, Error> {
    let items = roles.list().await?.into_iter().map(RoleResponse::from).collect();
    Ok(web::Json(RolesResponse { items }))
}

/// One role with what it grants, and the ETag.
#[utoipa::path(
    get,
    path = "",
    params(("name" = String, Path, description = "The role's name")),
    responses(
        (status = 200, body = RoleResponse, headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "No such role"),
    ),
)]
async fn show(name: web::Path<String>, roles: web::Data<RoleService>) -> Result<Versioned<RoleResponse>, Error> {
    let found = roles.find(&name).await?;
    Ok(Versioned::new(found.role.version, found.into()))
}

/// Makes a role (`If-None-Match: *`), or says anew what one is for and grants (`If-Match`).
#[utoipa::path(
    put,
    path = "",
    params(
        ("name" = String, Path, description = "The role's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the role as it was read"),
        ("If-None-Match" = Option<String>, Header, description = "`*`, to make a role that is not there"),
    ),
    request_body = PutRoleRequest,
    responses(
        (status = 200, body = RoleResponse, headers(("ETag" = String, description = "Its version"))),
        (status = 201, body = RoleResponse, headers(("ETag" = String, description = "Its version"))),
        (status = 409, description = "What `admin` and `auditor` grant can't be edited"),
        (status = 412, description = "It has changed since it was read, or it is there already"),
        (status = 428, description = "Neither `If-Match` nor `If-None-Match`"),
    ),
)]
async fn put(
    name: web::Path<String>,
    caller: Caller,
    request_id: RequestId,
    condition: PutCondition,
    request: JsonObject<PutRoleRequest>,
    roles: web::Data<RoleService>,
) -> Result<Versioned<RoleResponse>, Error> {
    let PutRoleRequest { summary, permissions } = request.0;
    let actor = caller.actor(request_id.to_string());
    let saved = roles.put(&actor, &name, RoleDraft { summary, permissions }, condition.0).await?;
    let version = saved.role.version;
    Ok(match condition.0 {
        KnownVersion::Absent => Versioned::created(version, saved.into()),
        KnownVersion::Is(_) | KnownVersion::Any => Versioned::new(version, saved.into()),
    })
}

/// Deletes a role that nobody holds, or that is taken from them by force.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("name" = String, Path, description = "The role's name"),
        ("If-Match" = String, Header, description = "The ETag of the role as it was read, or `*`"),
        DeleteRoleQuery,
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such role"),
        (status = 409, description = "Somebody holds it, or it is built in"),
        (status = 412, description = "It has changed since it was read"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn delete(
    name: web::Path<String>,
    query: web::Query<DeleteRoleQuery>,
    caller: Caller,
    request_id: RequestId,
    version: RequiredVersion,
    roles: web::Data<RoleService>,
) -> Result<HttpResponse, Error> {
    roles.delete(&caller.actor(request_id.to_string()), &name, query.force, version.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
