//! The protected resource metadata (RFC 9728).

use actix_web::web;

use crate::api_types::ProtectedResourceResponse;
use crate::auth::PUBLIC;
use crate::auth::resource::{METADATA_PATH, ProtectedResource};
use crate::error::Error;
use crate::op;
use crate::routing::Api;
use crate::routing::catalogue::Catalogue;

pub(super) fn register(api: &mut Api) {
    api.get(METADATA_PATH, PUBLIC, op!(show)).get(&format!("{METADATA_PATH}/{{path:.*}}"), PUBLIC, op!(show_below));
}

/// Returns the OAuth 2.0 Protected Resource Metadata.
///
/// The document lists the trusted issuers and the supported scopes.
#[utoipa::path(get, path = "", responses((status = 200, body = ProtectedResourceResponse)))]
async fn show(
    resource: web::Data<ProtectedResource>,
    catalogue: web::Data<Catalogue>,
) -> web::Json<ProtectedResourceResponse> {
    web::Json(ProtectedResourceResponse::new(&resource, catalogue.permissions()))
}

/// Returns the OAuth 2.0 Protected Resource Metadata of a public URL with a path.
///
/// The well-known segment precedes the path (RFC 9728 section 3.1).
#[utoipa::path(
    get,
    path = "",
    params(("path" = String, Path, description = "The path of the public URL")),
    responses(
        (status = 200, body = ProtectedResourceResponse),
        (status = 404, description = "The public URL has a different path"),
    ),
)]
async fn show_below(
    path: web::Path<String>,
    resource: web::Data<ProtectedResource>,
    catalogue: web::Data<Catalogue>,
) -> Result<web::Json<ProtectedResourceResponse>, Error> {
    if resource.path() != format!("/{path}") {
        return Err(Error::NotFound);
    }
    Ok(show(resource, catalogue).await)
}
