//! The caller's own browser sessions.

use actix_web::{HttpResponse, web};

use crate::api_types::{SessionResponse, SessionsResponse};
use crate::auth::Caller;
use crate::error::Error;
use crate::models::permission::{PROFILE_READ, PROFILE_WRITE};
use crate::op;
use crate::routing::Api;
use crate::services::{Actor, MySessionService};

const SESSIONS: &str = "/api/v1/me/sessions";

pub(super) fn register(api: &mut Api) {
    api.get(SESSIONS, PROFILE_READ, op!(list)).delete(SESSIONS, PROFILE_WRITE, op!(end_all)).delete(
        "/api/v1/me/sessions/{id}",
        PROFILE_WRITE,
        op!(end),
    );
}

/// Lists the caller's own browser sessions, oldest first.
#[utoipa::path(get, path = "", responses((status = 200, body = SessionsResponse)))]
async fn list(caller: Caller, sessions: web::Data<MySessionService>) -> Result<web::Json<SessionsResponse>, Error> {
    let all = sessions.list(*caller.principal_id()).await?;
    let items = all.iter().map(|session| SessionResponse::new(session, caller.session())).collect();
    Ok(web::Json(SessionsResponse { items }))
}

/// Ends all of the caller's own browser sessions, including the current one.
#[utoipa::path(delete, path = "", responses((status = 204, description = "All sessions have ended")))]
async fn end_all(actor: Actor, sessions: web::Data<MySessionService>) -> Result<HttpResponse, Error> {
    sessions.end_all(&actor).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one of the caller's own browser sessions.
///
/// The response is the same if the session does not exist or belongs to another user.
#[utoipa::path(
    delete,
    path = "",
    params(("id" = String, Path, description = "The id of the session")),
    responses((status = 204, description = "The caller has no session with this id")),
)]
async fn end(
    id: web::Path<String>,
    actor: Actor,
    sessions: web::Data<MySessionService>,
) -> Result<HttpResponse, Error> {
    sessions.end(&actor, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
