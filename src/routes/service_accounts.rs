//! Programs: an admin registers issuer and client id before a program's first token counts.

use actix_web::{HttpResponse, web};
use tracing_actix_web::RequestId;

use super::idempotency::{IdempotencyKey, created};
use super::optional_json::OptionalJson;
use super::paging::page;
use super::preconditions::{ExpectedVersion, RequiredVersion};
use crate::api_types::{
    DisableRequest, GrantRoleRequest, PageQuery, PageResponse, RegisterServiceAccountRequest,
    ServiceAccountDetailResponse, ServiceAccountResponse, UpdateServiceAccountRequest, Versioned,
};
use crate::auth::resource::ProtectedResource;
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::services::{HeldRole, NewServiceAccount, ServiceAccount, ServiceAccountEdit, ServiceAccountService};

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

pub(super) fn register(api: &mut Api) {
    api.get(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_READ, op!(list))
        .post(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_WRITE, op!(create))
        .get("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_READ, op!(show))
        .patch("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_WRITE, op!(update))
        .post("/api/v1/service-accounts/{id}/disable", SERVICE_ACCOUNTS_WRITE, op!(disable))
        .post("/api/v1/service-accounts/{id}/enable", SERVICE_ACCOUNTS_WRITE, op!(enable))
        .post("/api/v1/service-accounts/{id}/revoke", SERVICE_ACCOUNTS_WRITE, op!(revoke))
        .put("/api/v1/service-accounts/{id}/roles/{role}", SERVICE_ACCOUNTS_WRITE, op!(grant_role))
        .delete("/api/v1/service-accounts/{id}/roles/{role}", SERVICE_ACCOUNTS_WRITE, op!(revoke_role));
}

/// Programs, in the order in which they were registered.
#[utoipa::path(get, path = "", params(PageQuery), responses((status = 200, body = PageResponse<ServiceAccountResponse>)))]
async fn list(
    query: web::Query<PageQuery>,
    accounts: web::Data<ServiceAccountService>,
    resource: web::Data<ProtectedResource>,
) -> Result<HttpResponse, Error> {
    let found = accounts.list(query.limit.into(), query.cursor.map(|cursor| cursor.0)).await?;
    Ok(page(&resource, SERVICE_ACCOUNTS, query.limit, found, ServiceAccountResponse::from))
}

/// One program with its roles, and the ETag.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, description = "The principal's id")),
    responses((status = 200, body = ServiceAccountDetailResponse), (status = 404, description = "No such program")),
)]
async fn show(
    id: web::Path<PrincipalId>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    Ok(accounts.find(id.into_inner()).await?.into())
}

/// Registers a program: from now on tokens that the issuer gave to this client are let in.
///
/// With an `Idempotency-Key` the request can be sent again within a day: it is answered as it was the first time.
#[utoipa::path(
    post,
    path = "",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this very request, as a UUID")),
    request_body = RegisterServiceAccountRequest,
    responses(
        (status = 201, body = ServiceAccountResponse, headers(
            ("Location" = String, description = "The program's address"),
            ("ETag" = String, description = "The version"),
        )),
        (status = 409, description = "The client is registered already"),
        (status = 422, description = "The idempotency key came with another request before"),
    ),
)]
async fn create(
    caller: Caller,
    request_id: RequestId,
    key: IdempotencyKey,
    request: web::Json<RegisterServiceAccountRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<HttpResponse, Error> {
    let request = request.into_inner();
    let once = key.once("service-accounts.register", &request, |account: &ServiceAccount| {
        serde_json::json!(ServiceAccountResponse::from(account.clone()))
    });
    let RegisterServiceAccountRequest { issuer, client_id, display_name, roles } = request;
    let actor = caller.actor(request_id.to_string());
    let display_name = display_name.unwrap_or_else(|| client_id.clone());
    let account = NewServiceAccount { issuer, client_id, display_name, roles };
    Ok(created(SERVICE_ACCOUNTS, accounts.register_once(&actor, account, once).await?))
}

/// Changes the name or the end of a program's account. What is absent stays.
#[utoipa::path(
    patch,
    path = "",
    params(("id" = String, Path, description = "The principal's id")),
    request_body = UpdateServiceAccountRequest,
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program"),
        (status = 412, description = "It has changed since it was read"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn update(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: RequiredVersion,
    request: web::Json<UpdateServiceAccountRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    let UpdateServiceAccountRequest { display_name, expires_at } = request.into_inner();
    let edit = ServiceAccountEdit { display_name, expires_at };
    Ok(accounts.update(&caller.actor(request_id.to_string()), id.into_inner(), edit, version.0).await?.into())
}

/// Shuts a program out, whatever its token says. Disabling twice is disabling once.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, description = "The principal's id")),
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
    params(("id" = String, Path, description = "The principal's id")),
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
    params(("id" = String, Path, description = "The principal's id")),
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
    params(("id" = String, Path, description = "The principal's id"), ("role" = String, Path, description = "The role's name")),
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
    params(("id" = String, Path, description = "The principal's id"), ("role" = String, Path, description = "The role's name")),
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

impl From<(ServiceAccount, Vec<HeldRole>)> for Versioned<ServiceAccountDetailResponse> {
    fn from((account, roles): (ServiceAccount, Vec<HeldRole>)) -> Self {
        Self::new(account.principal.version, ServiceAccountDetailResponse::new(account, &roles))
    }
}
