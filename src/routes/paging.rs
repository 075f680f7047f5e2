//! Paginated responses: the cursor of the next page is in the body and in the `Link` field (RFC 8288).

use actix_web::HttpResponse;
use actix_web::http::header::LINK;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api_types::{Cursor, PageResponse};
use crate::auth::resource::ProtectedResource;
use crate::services::Page;

/// Returns the response for a page of the list at `path`.
pub(super) fn page<S, T: Serialize + ToSchema>(
    resource: &ProtectedResource,
    path: &str,
    limit: u8,
    page: Page<S>,
    into_response: impl Fn(S) -> T,
) -> HttpResponse {
    let next = page.next.map(|id| Cursor(id).to_string());
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next {
        let base = resource.identifier();
        response.insert_header((LINK, format!("<{base}{path}?limit={limit}&cursor={cursor}>; rel=\"next\"")));
    }
    let items = page.items.into_iter().map(into_response).collect();
    response.json(PageResponse { items, next_cursor: next })
}
