//! Programs: an admin registers issuer and client id before a program's first token counts.

use actix_web::{HttpResponse, web};

use super::idempotency::{IdempotencyKey, created};
use super::json_object::JsonObject;
use super::paging::page;
use super::preconditions::{ExpectedVersion, RequiredVersion};
use crate::api_types::{
    PageQuery, PageResponse, RegisterServiceAccountRequest, ServiceAccountDetailResponse, ServiceAccountResponse,
    UpdateServiceAccountRequest, Versioned,
};
use crate::auth::resource::ProtectedResource;
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::services::{HeldRole, NewServiceAccount, ServiceAccount, ServiceAccountEdit, ServiceAccountService};

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

pub(super) fn register(api: &mut Api) {
    api.get(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_READ, op!(list))
        .post(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_WRITE, op!(create))
        .get("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_READ, op!(show))
        .patch("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_WRITE, op!(update))
        .delete("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_WRITE, op!(delete))
        .post("/api/v1/service-accounts/{id}/restore", SERVICE_ACCOUNTS_WRITE, op!(restore));
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
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
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
    request: JsonObject<RegisterServiceAccountRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<HttpResponse, Error> {
    let request = request.0;
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
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
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
    request: JsonObject<UpdateServiceAccountRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    let UpdateServiceAccountRequest { display_name, expires_at } = request.0;
    let expires_at = expires_at.map(|end| end.map(Into::into));
    let edit = ServiceAccountEdit { display_name, expires_at };
    Ok(accounts.update(&caller.actor(request_id.to_string()), id.into_inner(), edit, version.0).await?.into())
}

/// Deletes a program: it is shut out at once and can be restored for 30 days.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The principal's id"),
        ("If-Match" = String, Header, description = "The ETag that was read"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No such program"),
        (status = 412, description = "It has changed since it was read"),
        (status = 428, description = "`If-Match` is missing"),
    ),
)]
async fn delete(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: RequiredVersion,
    accounts: web::Data<ServiceAccountService>,
) -> Result<HttpResponse, Error> {
    accounts.delete(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Restores a program that was deleted in the last 30 days, with its roles, as what it was before.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "No such program, or deleted too long ago"),
        (status = 412, description = "It has changed since it was read"),
    ),
)]
async fn restore(
    id: web::Path<PrincipalId>,
    caller: Caller,
    request_id: RequestId,
    version: ExpectedVersion,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    Ok(accounts.restore(&caller.actor(request_id.to_string()), id.into_inner(), version.0).await?.into())
}

impl From<(ServiceAccount, Vec<HeldRole>)> for Versioned<ServiceAccountDetailResponse> {
    fn from((account, roles): (ServiceAccount, Vec<HeldRole>)) -> Self {
        Self::new(account.principal.version, ServiceAccountDetailResponse::new(account, &roles))
    }
}
