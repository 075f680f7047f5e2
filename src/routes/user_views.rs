//! The roles of a person, and what follows from them.

use actix_web::web;

use crate::api_types::{GrantsResponse, PrincipalAccessResponse, Versioned};
use crate::auth::Api;
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{DeclaredPermissions, USERS_READ};
use crate::op;
use crate::services::UserService;

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/users/{id}/roles", USERS_READ, op!(roles)).get(
        "/api/v1/users/{id}/access",
        USERS_READ,
        op!(access),
    );
}

/// The roles that a person was granted, ended ones too, and those that the last token seen carried. The ETag is the person's.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = GrantsResponse), (status = 404, description = "No such person")),
)]
async fn roles(id: web::Path<PrincipalId>, users: web::Data<UserService>) -> Result<Versioned<GrantsResponse>, Error> {
    let access = users.access(id.into_inner()).await?;
    Ok(Versioned::new(access.known.principal().version, access.into()))
}

/// What a person may do: for each permission which role grants it, by which grant or claim, and what their token needs besides.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = PrincipalAccessResponse), (status = 404, description = "No such person")),
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
