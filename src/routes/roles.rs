//! Roles: named sets of permissions.

use actix_web::{HttpResponse, web};

use super::json_object::JsonObject;
use super::preconditions::{PutCondition, RequiredVersion};
use crate::api_types::{DeleteRoleQuery, PutRoleRequest, RoleResponse, RolesResponse, Versioned};
use crate::error::Error;
use crate::models::permission::{ROLES_READ, ROLES_WRITE};
use crate::op;
use crate::routing::Api;
use crate::services::{Actor, KnownVersion, RoleDraft, RoleService};

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/roles", ROLES_READ, op!(list))
        .get("/api/v1/roles/{name}", ROLES_READ, op!(show))
        .put("/api/v1/roles/{name}", ROLES_WRITE, op!(put))
        .delete("/api/v1/roles/{name}", ROLES_WRITE, op!(delete));
}

/// Lists all roles with their permissions.
#[utoipa::path(get, path = "", responses((status = 200, body = RolesResponse)))]
async fn list(roles: web::Data<RoleService>) -> Result<web::Json<RolesResponse>, Error> {
    let items = roles.list().await?.into_iter().map(RoleResponse::from).collect();
    Ok(web::Json(RolesResponse { items }))
}

/// Returns a role with its permissions.
#[utoipa::path(
    get,
    path = "",
    params(("name" = String, Path, description = "The name of the role")),
    responses(
        (status = 200, body = RoleResponse, headers(("ETag" = String, description = "The version of the role"))),
        (status = 404, description = "Role not found"),
    ),
)]
async fn show(name: web::Path<String>, roles: web::Data<RoleService>) -> Result<Versioned<RoleResponse>, Error> {
    let found = roles.find(&name).await?;
    Ok(Versioned::new(found.role.version, found.into()))
}

/// Creates or replaces a role.
///
/// Send `If-None-Match: *` to create a role, or `If-Match` to replace its summary and permissions.
#[utoipa::path(
    put,
    path = "",
    params(
        ("name" = String, Path, description = "The name of the role"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version to replace"),
        ("If-None-Match" = Option<String>, Header, description = "`*` to create a role that does not exist"),
    ),
    request_body = PutRoleRequest,
    responses(
        (status = 200, body = RoleResponse, headers(("ETag" = String, description = "The version of the role"))),
        (status = 201, body = RoleResponse, headers(("ETag" = String, description = "The version of the role"))),
        (status = 409, description = "The permissions of `admin` and `auditor` cannot be changed"),
        (status = 412, description = "The role has been modified, or already exists"),
        (status = 428, description = "`If-Match` or `If-None-Match` is required"),
    ),
)]
async fn put(
    name: web::Path<String>,
    actor: Actor,
    condition: PutCondition,
    request: JsonObject<PutRoleRequest>,
    roles: web::Data<RoleService>,
) -> Result<Versioned<RoleResponse>, Error> {
    let PutRoleRequest { summary, permissions } = request.0;
    let saved = roles.put(&actor, &name, RoleDraft { summary, permissions }, condition.0).await?;
    let version = saved.role.version;
    Ok(match condition.0 {
        KnownVersion::Absent => Versioned::created(version, saved.into()),
        KnownVersion::Is(_) | KnownVersion::Any => Versioned::new(version, saved.into()),
    })
}

/// Deletes a role.
///
/// A role that is assigned to principals can be deleted with `force` only, which removes the assignments.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("name" = String, Path, description = "The name of the role"),
        ("If-Match" = String, Header, description = "The `ETag` of the version to delete, or `*`"),
        DeleteRoleQuery,
    ),
    responses(
        (status = 204, description = "The role is deleted"),
        (status = 404, description = "Role not found"),
        (status = 409, description = "The role is assigned, or built in"),
        (status = 412, description = "The role has been modified"),
        (status = 428, description = "`If-Match` is required"),
    ),
)]
async fn delete(
    name: web::Path<String>,
    query: web::Query<DeleteRoleQuery>,
    actor: Actor,
    version: RequiredVersion,
    roles: web::Data<RoleService>,
) -> Result<HttpResponse, Error> {
    roles.delete(&actor, &name, query.force, version.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
