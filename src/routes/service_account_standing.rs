//! How a program stands: whether it is let in, with which tokens and which roles.

use actix_web::web;

use super::optional_json::OptionalJson;
use super::preconditions::ExpectedVersion;
use crate::api_types::{
    DisableRequest, GrantRoleRequest, GrantsResponse, PrincipalAccessResponse, ServiceAccountDetailResponse, Versioned,
};
use crate::auth::resource::ProtectedResource;
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{DeclaredPermissions, SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::services::ServiceAccountService;

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/service-accounts/{id}/access", SERVICE_ACCOUNTS_READ, op!(access))
        .get("/api/v1/service-accounts/{id}/roles", SERVICE_ACCOUNTS_READ, op!(roles))
        .post("/api/v1/service-accounts/{id}/disable", SERVICE_ACCOUNTS_WRITE, op!(disable))
        .post("/api/v1/service-accounts/{id}/enable", SERVICE_ACCOUNTS_WRITE, op!(enable))
        .post("/api/v1/service-accounts/{id}/revoke", SERVICE_ACCOUNTS_WRITE, op!(revoke))
        .put("/api/v1/service-accounts/{id}/roles/{role}", SERVICE_ACCOUNTS_WRITE, op!(grant_role))
        .delete("/api/v1/service-accounts/{id}/roles/{role}", SERVICE_ACCOUNTS_WRITE, op!(revoke_role));
}

/// The roles that a program was granted, ended ones too, and those that the last token seen carried. The ETag is the program's.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = GrantsResponse), (status = 404, description = "No such program")),
)]
async fn roles(
    id: web::Path<PrincipalId>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<GrantsResponse>, Error> {
    let access = accounts.access(id.into_inner()).await?;
    Ok(Versioned::new(access.known.principal().version, access.into()))
}

/// What a program may do: for each permission which role grants it, by which grant or claim, and what its token needs besides.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = PrincipalAccessResponse), (status = 404, description = "No such program")),
)]
async fn access(
    id: web::Path<PrincipalId>,
    accounts: web::Data<ServiceAccountService>,
    declared: web::Data<DeclaredPermissions>,
    resource: web::Data<ProtectedResource>,
) -> Result<web::Json<PrincipalAccessResponse>, Error> {
    let access = accounts.access(id.into_inner()).await?;
    Ok(web::Json(PrincipalAccessResponse::new(&access, &declared, |permission| resource.scopes([permission]))))
}

/// Shuts a program out, whatever its token says. Tokens issued until now stay refused when it is enabled again. Disabling twice is
/// disabling once.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    request_body(content = Option<DisableRequest>, description = "May be left out"),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn disable(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    request: OptionalJson<DisableRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    let actor = caller.actor(request_id.to_string());
    Ok(accounts.disable(&actor, id.into_inner(), request.0.reason, version.0).await?.into())
}

/// Lets a program in that is disabled.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn enable(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    Ok(accounts.enable(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?.into())
}

/// Refuses every token that was issued to the program until now; it has to get a new one.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn revoke(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    Ok(accounts.revoke(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?.into())
}

/// Grants a role, or changes when the grant ends.
#[utoipa::path(
    put,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id"), ("role" = String, Path, description = "The role's name")),
    request_body(content = Option<GrantRoleRequest>, description = "May be left out"),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program or role"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn grant_role(
    path: web::Path<(PrincipalId, String)>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    request: OptionalJson<GrantRoleRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    let (id, role) = path.into_inner();
    let actor = caller.actor(request_id.to_string());
    Ok(accounts.grant_role(&actor, id, &role, request.0.expires_at, version.0).await?.into())
}

/// Takes a role away. Taking away what is not there changes nothing.
#[utoipa::path(
    delete,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id"), ("role" = String, Path, description = "The role's name")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program or role"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn revoke_role(
    path: web::Path<(PrincipalId, String)>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    let (id, role) = path.into_inner();
    Ok(accounts.revoke_role(&caller.actor(request_id.to_string()), id, &role, version.0).await?.into())
}
