//! The roles of a user and the permissions that they grant.

use actix_web::web;

use crate::api_types::{GrantsResponse, PrincipalAccessResponse, Versioned};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{DeclaredPermissions, USERS_READ};
use crate::op;
use crate::routing::Api;
use crate::services::UserService;

pub(crate) fn register(api: &mut Api) {
    api.get("/api/v1/users/{id}/roles", USERS_READ, op!(roles)).get(
        "/api/v1/users/{id}/access",
        USERS_READ,
        op!(access),
    );
}

/// Lists the role grants of a user.
///
/// The list includes expired grants, and the roles of the last token seen. `ETag` is the version of the user.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses((status = 200, body = GrantsResponse), (status = 404, description = "User not found")),
)]
async fn roles(id: web::Path<PrincipalId>, users: web::Data<UserService>) -> Result<Versioned<GrantsResponse>, Error> {
    let access = users.access(id.into_inner()).await?;
    Ok(Versioned::new(access.known.principal().version, access.into()))
}

/// Returns the effective permissions of a user.
///
/// For each permission, the response lists the roles that grant it, the source of each role, and the scope that a token requires.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the user")),
    responses((status = 200, body = PrincipalAccessResponse), (status = 404, description = "User not found")),
)]
async fn access(
    id: web::Path<PrincipalId>,
    users: web::Data<UserService>,
    declared: web::Data<DeclaredPermissions>,
    resource: web::Data<ProtectedResource>,
) -> Result<web::Json<PrincipalAccessResponse>, Error> {
    let access = users.access(id.into_inner()).await?;
    Ok(web::Json(PrincipalAccessResponse::new(&access, &declared, |permission| resource.scopes([permission]))))
}
