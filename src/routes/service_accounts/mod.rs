//! Service accounts. An administrator registers the issuer and client id before the first token is accepted.

pub(crate) mod lifecycle;

use actix_web::{HttpResponse, web};

use super::idempotency::{IdempotencyKey, created};
use super::json_object::JsonObject;
use super::paging::page;
use super::preconditions::{ExpectedVersion, RequiredVersion};
use crate::api_types::{
    PageQuery, PageResponse, RegisterServiceAccountRequest, ServiceAccountDetailResponse, ServiceAccountResponse,
    UpdateServiceAccountRequest, Versioned,
};
use crate::auth::Caller;
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::request_id::RequestId;
use crate::routing::Api;
use crate::services::{HeldRole, NewServiceAccount, ServiceAccount, ServiceAccountEdit, ServiceAccountService};

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

pub(super) fn register(api: &mut Api) {
    lifecycle::register(api);
    api.get(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_READ, op!(list))
        .post(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_WRITE, op!(create))
        .get("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_READ, op!(show))
        .patch("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_WRITE, op!(update))
        .delete("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_WRITE, op!(delete))
        .post("/api/v1/service-accounts/{id}/restore", SERVICE_ACCOUNTS_WRITE, op!(restore));
}

/// Lists the service accounts, oldest first.
#[utoipa::path(get, path = "", params(PageQuery), responses((status = 200, body = PageResponse<ServiceAccountResponse>)))]
async fn list(
    query: web::Query<PageQuery>,
    accounts: web::Data<ServiceAccountService>,
    resource: web::Data<ProtectedResource>,
) -> Result<HttpResponse, Error> {
    let found = accounts.list(query.limit.into(), query.cursor.map(|cursor| cursor.0)).await?;
    Ok(page(&resource, SERVICE_ACCOUNTS, query.limit, found, ServiceAccountResponse::from))
}

/// Returns a service account with its roles.
///
/// `ETag` is the version to send as `If-Match` in a change.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account not found"),
    ),
)]
async fn show(
    id: web::Path<PrincipalId>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<Versioned<ServiceAccountDetailResponse>, Error> {
    Ok(accounts.find(id.into_inner()).await?.into())
}

/// Registers a service account.
///
/// The service then accepts tokens that the issuer issues to this client. With an `Idempotency-Key`, a client can retry the request within
/// a day and receives the response of the first request.
#[utoipa::path(
    post,
    path = "",
    params(("Idempotency-Key" = Option<String>, Header, description = "A unique key for this request, such as a UUID")),
    request_body = RegisterServiceAccountRequest,
    responses(
        (status = 201, body = ServiceAccountResponse, headers(
            ("Location" = String, description = "The path of the service account"),
            ("ETag" = String, description = "The version of the service account"),
        )),
        (status = 409, description = "The client is registered already"),
        (status = 422, description = "The idempotency key was used for another request"),
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

/// Updates the name or the expiry of a service account.
///
/// Absent members are not changed.
#[utoipa::path(
    patch,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    request_body = UpdateServiceAccountRequest,
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account not found"),
        (status = 412, description = "The service account has been modified"),
        (status = 428, description = "`If-Match` is required"),
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

/// Deletes a service account.
///
/// All its tokens are refused immediately. The account can be restored for 30 days.
#[utoipa::path(
    delete,
    path = "",
    params(
        ("id" = String, Path, format = "uuid", description = "The id of the service account"),
        ("If-Match" = String, Header, description = "The `ETag` of the version to delete"),
    ),
    responses(
        (status = 204, description = "The service account is deleted"),
        (status = 404, description = "Service account not found"),
        (status = 412, description = "The service account has been modified"),
        (status = 428, description = "`If-Match` is required"),
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

/// Restores a service account that was deleted in the last 30 days.
///
/// The account has its previous roles and status.
#[utoipa::path(
    post,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The id of the service account")),
    responses(
        (status = 200, body = ServiceAccountDetailResponse),
        (status = 404, description = "Service account not found, or deleted more than 30 days ago"),
        (status = 412, description = "The service account has been modified"),
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
