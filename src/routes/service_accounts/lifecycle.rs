//! The life cycle of service accounts: status, token revocation, roles and effective access.

use actix_web::web;

use crate::api_types::{
    DisableRequest, GrantRoleRequest, GrantsResponse, PrincipalAccessResponse, ServiceAccountDetailResponse, Versioned,
};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::permission::{DeclaredPermissions, SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::routes::accounts::{Account, Change, RoleChange};
use crate::routes::optional_json::OptionalJson;
use crate::routing::Api;
use crate::services::ServiceAccounts;

type Detail = Versioned<ServiceAccountDetailResponse>;

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
    params(Account<ServiceAccounts>),
    responses((status = 200, body = GrantsResponse), Account<ServiceAccounts>),
)]
async fn roles(account: Account<ServiceAccounts>) -> Result<Versioned<GrantsResponse>, Error> {
    account.roles().await
}

/// Returns the effective permissions of a service account.
///
/// For each permission, the response lists the roles that grant it, the source of each role, and the scope that a token requires.
#[utoipa::path(
    get,
    path = "",
    params(Account<ServiceAccounts>),
    responses((status = 200, body = PrincipalAccessResponse), Account<ServiceAccounts>),
)]
async fn access(
    account: Account<ServiceAccounts>,
    declared: web::Data<DeclaredPermissions>,
    resource: web::Data<ProtectedResource>,
) -> Result<web::Json<PrincipalAccessResponse>, Error> {
    account.access(&declared, &resource).await
}

/// Disables a service account.
///
/// All its tokens are refused. Tokens issued before now stay refused when the account is enabled again. Disabling a disabled account has
/// no effect.
#[utoipa::path(
    post,
    path = "",
    params(Change<ServiceAccounts>),
    request_body(content = Option<DisableRequest>, description = "Optional"),
    responses(Detail, Change<ServiceAccounts>),
)]
async fn disable(change: Change<ServiceAccounts>, request: OptionalJson<DisableRequest>) -> Result<Detail, Error> {
    change.disable(request.0).await
}

/// Enables a disabled service account.
#[utoipa::path(post, path = "", params(Change<ServiceAccounts>), responses(Detail, Change<ServiceAccounts>))]
async fn enable(change: Change<ServiceAccounts>) -> Result<Detail, Error> {
    change.enable().await
}

/// Revokes all tokens of a service account.
///
/// Tokens issued before now are refused; the service account must obtain a new one.
#[utoipa::path(post, path = "", params(Change<ServiceAccounts>), responses(Detail, Change<ServiceAccounts>))]
async fn revoke(change: Change<ServiceAccounts>) -> Result<Detail, Error> {
    change.revoke().await
}

/// Grants a role to a service account, or changes the expiry of the grant.
#[utoipa::path(
    put,
    path = "",
    params(RoleChange<ServiceAccounts>),
    request_body(content = Option<GrantRoleRequest>, description = "Optional"),
    responses(Detail, RoleChange<ServiceAccounts>),
)]
async fn grant_role(
    change: RoleChange<ServiceAccounts>,
    request: OptionalJson<GrantRoleRequest>,
) -> Result<Detail, Error> {
    change.grant(request.0).await
}

/// Revokes a role from a service account.
///
/// Revoking a role that is not granted has no effect.
#[utoipa::path(delete, path = "", params(RoleChange<ServiceAccounts>), responses(Detail, RoleChange<ServiceAccounts>))]
async fn revoke_role(change: RoleChange<ServiceAccounts>) -> Result<Detail, Error> {
    change.revoke().await
}
