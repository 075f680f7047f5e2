//! What the service says of itself to clients (RFC 9728).

use actix_web::web;

use crate::api_types::ProtectedResourceResponse;
use crate::auth::catalogue::Catalogue;
use crate::auth::resource::{METADATA_PATH, ProtectedResource};
use crate::auth::{Api, PUBLIC};
use crate::op;

pub(super) fn register(api: &mut Api) {
    api.get(METADATA_PATH, PUBLIC, op!(show));
}

/// OAuth 2.0 Protected Resource Metadata: which issuers are trusted, and which scopes are worth asking for.
#[utoipa::path(get, path = "", responses((status = 200, body = ProtectedResourceResponse)))]
async fn show(
    resource: web::Data<ProtectedResource>,
    catalogue: web::Data<Catalogue>,
) -> web::Json<ProtectedResourceResponse> {
    web::Json(ProtectedResourceResponse::new(&resource, catalogue.permissions()))
}
