//! The audit trail. It is read-only here; only the command line prunes it.

use actix_web::http::header::LINK;
use actix_web::{HttpResponse, web};

use crate::api_types::{AuditCursor, AuditEventResponse, AuditQuery, PageResponse};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::AuditOrder;
use crate::models::permission::AUDIT_READ;
use crate::op;
use crate::routing::Api;
use crate::services::AuditService;

const AUDIT_EVENTS: &str = "/api/v1/audit-events";

pub(super) fn register(api: &mut Api) {
    api.get(AUDIT_EVENTS, AUDIT_READ, op!(list));
}

/// Lists the audit events, newest first.
///
/// The list includes refused changes.
#[utoipa::path(get, path = "", params(AuditQuery), responses(
    (
        status = 200,
        body = PageResponse<AuditEventResponse>,
        headers(("Link" = String, description = "The URL of the next page, as `rel=\"next\"`")),
    ),
))]
async fn list(
    query: web::Query<AuditQuery>,
    audit: web::Data<AuditService>,
    resource: web::Data<ProtectedResource>,
) -> Result<HttpResponse, Error> {
    let after = query.cursor.map(|cursor| cursor.0);
    let page = audit.list(query.filter(), AuditOrder::NewestFirst, after, query.limit.into()).await?;
    let next_cursor = page.next.map(|place| AuditCursor(place).to_string());
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        let (base, query) = (resource.identifier(), query.query_at(cursor));
        response.insert_header((LINK, format!("<{base}{AUDIT_EVENTS}?{query}>; rel=\"next\"")));
    }
    let items = page.items.into_iter().map(AuditEventResponse::from).collect();
    Ok(response.json(PageResponse { items, next_cursor }))
}
