//! The list of people.

use actix_web::http::header::LINK;
use actix_web::{HttpResponse, web};

use crate::api_types::{Contradiction, ListUsersQuery, PageResponse, UserResponse};
use crate::auth::Api;
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::permission::USERS_READ;
use crate::op;
use crate::services::UserService;

const USERS: &str = "/api/v1/users";

pub(super) fn register(api: &mut Api) {
    api.get(USERS, USERS_READ, op!(list));
}

/// People: all who are not deleted, or those whom the filters leave.
///
/// A page ends with the cursor of the next one, which `Link` leads to as well. Who is in the list all the while is on one page, whoever
/// comes and goes meanwhile.
#[utoipa::path(get, path = "", params(ListUsersQuery), responses(
    (status = 200, body = PageResponse<UserResponse>, headers(("Link" = String, description = "The next page, as `rel=\"next\"`"))),
    (status = 400, description = "A filter that there is not, or a cursor of another list"),
))]
async fn list(
    query: web::Query<ListUsersQuery>,
    users: web::Data<UserService>,
    resource: web::Data<ProtectedResource>,
) -> Result<HttpResponse, Error> {
    let contradiction = |found: Contradiction| Error::InvalidParameter(found.0.to_owned());
    let (order, after) = (query.order().map_err(contradiction)?, query.after().map_err(contradiction)?);
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
