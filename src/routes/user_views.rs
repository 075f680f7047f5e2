//! What is known of a person besides their record: roles, what they come to, and everything at once.

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpResponse, web};

use crate::api_types::{GrantsResponse, PrincipalAccessResponse, UserExportResponse, Versioned};
use crate::auth::Api;
use crate::auth::resource::ProtectedResource;
use crate::error::Error;
use crate::models::PrincipalId;
use crate::models::permission::{DeclaredPermissions, USERS_READ};
use crate::op;
use crate::services::UserService;

pub(super) fn register(api: &mut Api) {
    api.get("/api/v1/users/{id}/roles", USERS_READ, op!(roles))
        .get("/api/v1/users/{id}/access", USERS_READ, op!(access))
        .get("/api/v1/users/{id}/export", USERS_READ, op!(export));
}

/// The roles that a person was granted, ended ones too, and those that the last token seen carried. The ETag is the person's.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = GrantsResponse), (status = 404, description = "No such person")),
)]
async fn roles(id: web::Path<PrincipalId>, users: web::Data<UserService>) -> Result<Versioned<GrantsResponse>, Error> {
    let access = users.access(id.into_inner()).await?;
    Ok(Versioned::new(access.known.principal().version, access.into()))
}

/// What a person may do: for each permission which role grants it, by which grant or claim, and what their token needs besides.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = PrincipalAccessResponse), (status = 404, description = "No such person")),
)]
async fn access(
    id: web::Path<PrincipalId>,
    users: web::Data<UserService>,
    declared: web::Data<DeclaredPermissions>,
    resource: web::Data<ProtectedResource>,
) -> Result<web::Json<PrincipalAccessResponse>, Error> {
    let access = users.access(id.into_inner()).await?;
    Ok(web::Json(PrincipalAccessResponse::new(&access, &declared, |permission| resource.scopes([permission]))))
}

/// All that is held on one person, as a file: for whoever asks what is known of them. Works for the deleted until they are purged.
#[utoipa::path(
    get,
    path = "",
    params(("id" = String, Path, format = "uuid", description = "The principal's id")),
    responses((status = 200, body = UserExportResponse), (status = 404, description = "No such person")),
)]
async fn export(id: web::Path<PrincipalId>, users: web::Data<UserService>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let export = users.export(id).await?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!("user-{id}.json"))],
    };
    Ok(HttpResponse::Ok().insert_header(disposition).json(UserExportResponse::from(export)))
}
