//! Programs: an admin registers issuer and client id before a program's first token counts.

use actix_web::{HttpResponse, web};
use tracing_actix_web::RequestId;

use super::paging::page;
use crate::api_types::{
    PageQuery, PageResponse, RegisterServiceAccountRequest, ServiceAccountDetailResponse, ServiceAccountResponse,
    Versioned,
};
use crate::auth::resource::ProtectedResource;
use crate::auth::{Api, Caller};
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{SERVICE_ACCOUNTS_READ, SERVICE_ACCOUNTS_WRITE};
use crate::op;
use crate::services::{NewServiceAccount, ServiceAccountService};

const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";

pub(super) fn register(api: &mut Api) {
    api.get(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_READ, op!(list))
        .post(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS_WRITE, op!(create))
        .get("/api/v1/service-accounts/{id}", SERVICE_ACCOUNTS_READ, op!(show));
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
    let (account, roles) = accounts.find(id.into_inner()).await?;
    Ok(Versioned::new(account.principal.version, ServiceAccountDetailResponse::new(account, &roles)))
}

/// Registers a program: from now on tokens that the issuer gave to this client are let in.
#[utoipa::path(post, path = "", request_body = RegisterServiceAccountRequest, responses(
    (status = 201, body = ServiceAccountResponse),
    (status = 409, description = "The client is registered already"),
))]
async fn create(
    caller: Caller,
    request_id: RequestId,
    request: web::Json<RegisterServiceAccountRequest>,
    accounts: web::Data<ServiceAccountService>,
) -> Result<HttpResponse, Error> {
    let RegisterServiceAccountRequest { issuer, client_id, display_name, roles } = request.into_inner();
    let actor = caller.actor(request_id.to_string());
    let display_name = display_name.unwrap_or_else(|| client_id.clone());
    let account = accounts.register(&actor, NewServiceAccount { issuer, client_id, display_name, roles }).await?;
    Ok(HttpResponse::Created().json(ServiceAccountResponse::from(account)))
}
