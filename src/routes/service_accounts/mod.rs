//! Service accounts. An administrator registers the issuer and client id before the first token is accepted.

pub(crate) mod lifecycle;

use actix_web::{HttpResponse, web};

use super::accounts::{Account, Change, ConditionalChange, Creation, Deletion, Documented};
use super::idempotency::created;
use super::json_object::JsonObject;
use super::paging::page;
use crate::api_types::{
    PageQuery, PageResponse, RegisterServiceAccountRequest, ServiceAccountDetailResponse, ServiceAccountResponse,
    UpdateServiceAccountRequest, Versioned,
};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::permission::{SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::routing::Api;
use crate::services::{HeldRole, NewServiceAccount, ServiceAccount, ServiceAccountService, ServiceAccounts};

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

type Detail = Versioned<ServiceAccountDetailResponse>;

impl Documented for ServiceAccounts {
    const TITLE: &str = "Service account";
    type Created = ServiceAccountResponse;
}

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
    params(Account<ServiceAccounts>),
    responses((status = 200, body = ServiceAccountDetailResponse), Account<ServiceAccounts>),
)]
async fn show(account: Account<ServiceAccounts>) -> Result<Detail, Error> {
    account.show().await
}

/// Registers a service account.
///
/// The service then accepts tokens that the issuer issues to this client. With an `Idempotency-Key`, a client can retry the request within
/// a day and receives the response of the first request.
#[utoipa::path(
    post,
    path = "",
    params(Creation<ServiceAccounts>),
    request_body = RegisterServiceAccountRequest,
    responses(Creation<ServiceAccounts>, (status = 409, description = "The client is registered already")),
)]
async fn create(
    creation: Creation<ServiceAccounts>,
    request: JsonObject<RegisterServiceAccountRequest>,
) -> Result<HttpResponse, Error> {
    let request = request.0;
    let once = creation.key.once("service-accounts.register", &request, |account: &ServiceAccount| {
        serde_json::json!(ServiceAccountResponse::from(account.clone()))
    });
    let RegisterServiceAccountRequest { issuer, client_id, display_name, roles } = request;
    let display_name = display_name.unwrap_or_else(|| client_id.clone());
    let account = NewServiceAccount { issuer, client_id, display_name, roles };
    Ok(created(SERVICE_ACCOUNTS, creation.accounts.register_once(&creation.actor, account, once).await?))
}

/// Updates the name or the expiry of a service account.
///
/// Absent members are not changed.
#[utoipa::path(
    patch,
    path = "",
    params(ConditionalChange<ServiceAccounts>),
    request_body = UpdateServiceAccountRequest,
    responses(Detail, ConditionalChange<ServiceAccounts>),
)]
async fn update(
    ConditionalChange(change): ConditionalChange<ServiceAccounts>,
    request: JsonObject<UpdateServiceAccountRequest>,
) -> Result<Detail, Error> {
    Ok(change.accounts.update(&change.actor, change.id, request.0.into(), change.if_match).await?.into())
}

/// Deletes a service account.
///
/// All its tokens are refused immediately. The account can be restored for 30 days.
#[utoipa::path(delete, path = "", params(Deletion<ServiceAccounts>), responses(Deletion<ServiceAccounts>))]
async fn delete(deletion: Deletion<ServiceAccounts>) -> Result<HttpResponse, Error> {
    deletion.run().await
}

/// Restores a service account that was deleted in the last 30 days.
///
/// The account has its previous roles and status.
#[utoipa::path(
    post,
    path = "",
    params(Change<ServiceAccounts>),
    responses(
        Detail,
        Change<ServiceAccounts>,
        (status = 404, description = "Service account not found, or deleted more than 30 days ago"),
    ),
)]
async fn restore(change: Change<ServiceAccounts>) -> Result<Detail, Error> {
    change.restore().await
}

impl From<(ServiceAccount, Vec<HeldRole>)> for Detail {
    fn from((account, roles): (ServiceAccount, Vec<HeldRole>)) -> Self {
        Self::new(account.principal.version, ServiceAccountDetailResponse::new(account, &roles))
    }
}
