//! The life cycle of service accounts: status, token revocation, roles and effective access.

use actix_web::web;

use crate::api_types::{
    DisableRequest, GrantRoleRequest, GrantsResponse, PrincipalAccessResponse, ServiceAccountDetailResponse, Versioned,
};
use crate::auth::Caller;
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{DeclaredPermissions, SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::routes::optional_json::OptionalJson;
use crate::routes::preconditions::ExpectedVersion;
use crate::routing::Api;
use crate::services::ServiceAccountService;

pub(crate) fn register(api: &mut Api) {
    api.get("/api/v1/service-accounts/{id}/access", SERVICE_ACCOUNTS_READ, op!(access))
        .get("/api/v1/service-accounts/{id}/roles", SERVICE_ACCOUNTS_READ, op!(roles))
        .post("/api/v1/service-accounts/{id}/disable", SERVICE_ACCOUNTS_WRITE, op!(disable))
        .post("/api/v1/service-accounts/{id}/enable", SERVICE_ACCOUNTS_WRITE, op!(enable))
        .post("/api/v1/service-accounts/{id}/revoke", SERVICE_ACCOUNTS_WRITE, op!(revoke))
        .put("/api/v1/service-accounts/{id}/roles/{role}", SERVICE_ACCOUNTS_WRITE, op!(grant_role))
        .delete("/api/v1/service-accounts/{id}/roles/{role}", SERVICE_ACCOUNTS_WRITE, op!(revoke_role));
}

/// Lists the role grants of a service account.
///
/// The list includes expired grants, and the roles of the last token seen. `ETag` is the version of the service account.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    responses((status = 200, body = GrantsResponse), (status = 404, description = "Service account not found")),
)]
async fn roles(
    id: web::Path<PrincipalId>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<GrantsResponse>, Error> {
    let access = accounts.access(id.into_inner()).await?;
    Ok(Versioned::new(access.known.principal().version, access.into()))
}

/// Returns the effective permissions of a service account.
///
/// For each permission, the response lists the roles that grant it, the source of each role, and the scope that a token requires.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    responses(
        (status = 200, body = PrincipalAccessResponse),
        (status = 404, description = "Service account not found"),
    ),
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

/// Disables a service account.
///
/// All its tokens are refused. Tokens issued before now stay refused when the account is enabled again. Disabling a disabled account has
/// no effect.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    request_body(content = Option<DisableRequest>, description = "Optional"),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account not found"),
        (status = 412, description = "The service account has been modified"),
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

/// Enables a disabled service account.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account not found"),
        (status = 412, description = "The service account has been modified"),
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

/// Revokes all tokens of a service account.
///
/// Tokens issued before now are refused; the service account must obtain a new one.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account not found"),
        (status = 412, description = "The service account has been modified"),
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

/// Grants a role to a service account, or changes the expiry of the grant.
#[utoipa::path(
    put,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the service account"),
        ("role" = String, Path, description = "The name of the role"),
    ),
    request_body(content = Option<GrantRoleRequest>, description = "Optional"),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account or role not found"),
        (status = 412, description = "The service account has been modified"),
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
    Ok(accounts.grant_role(&actor, id, &role, request.0.expires_at.map(Into::into), version.0).await?.into())
}

/// Revokes a role from a service account.
///
/// Revoking a role that is not granted has no effect.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the service account"),
        ("role" = String, Path, description = "The name of the role"),
    ),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account or role not found"),
        (status = 412, description = "The service account has been modified"),
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
