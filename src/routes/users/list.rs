//! The list of users.

use actix_web::http::header::LINK;
use actix_web::{HttpResponse, web};

use crate::api_types::{Contradiction, ListUsersQuery, PageResponse, UserResponse};
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::permission::USERS_READ;
use crate::op;
use crate::routing::Api;
use crate::services::UserService;

const USERS: &str = "/api/v1/users";

pub(crate) fn register(api: &mut Api) {
    api.get(USERS, USERS_READ, op!(list));
}

/// Lists users.
///
/// Without a `status` filter, deleted users are excluded. The response and its `Link` field contain the cursor of the next page. Pagination
/// is stable: a user present throughout appears exactly once.
#[utoipa::path(get, path = "", params(ListUsersQuery), responses(
    (
        status = 200,
        body = PageResponse<UserResponse>,
        headers(("Link" = String, description = "The URL of the next page, as `rel=\"next\"`")),
    ),
    (status = 400, description = "A filter is unknown, or the cursor belongs to another list"),
))]
async fn list(
    query: web::Query<ListUsersQuery>,
    users: web::Data<UserService>,
    resource: web::Data<ProtectedResource>,
) -> Result<HttpResponse, Error> {
    let invalid = |found: Contradiction| Error::InvalidParameter(found.0.to_owned());
    let (order, after) = (query.order().map_err(invalid)?, query.after().map_err(invalid)?);
    let page = users.search(query.filter(), order, after, query.limit.into()).await?;
    let next_cursor = page.next.map(|place| query.cursor(place));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        let (base, query) = (resource.identifier(), query.query_at(cursor));
        response.insert_header((LINK, format!("<{base}{USERS}?{query}>; rel=\"next\"")));
    }
    let items = page.items.into_iter().map(UserResponse::from).collect();
    Ok(response.json(PageResponse { items, next_cursor }))
}
