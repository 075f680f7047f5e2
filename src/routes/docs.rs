//! The API's documentation: the OpenAPI document, and a page that shows it.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::Config;

use crate::auth::catalogue::Catalogue;
use crate::auth::{Api, PUBLIC};
use crate::error::Error;
use crate::op;

pub(super) fn register(api: &mut Api) {
    api.get("/openapi.json", PUBLIC, op!(openapi)).get("/docs", PUBLIC, op!(index)).get(
        "/docs/{file:.*}",
        PUBLIC,
        op!(file),
    );
}

/// The OpenAPI document of this service.
#[utoipa::path(get, path = "", responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")))]
async fn openapi(catalogue: web::Data<Catalogue>) -> web::Json<utoipa::openapi::OpenApi> {
    web::Json(catalogue.openapi().clone())
}

/// Leads to the documentation page.
#[utoipa::path(get, path = "", responses((status = 308, description = "The page is at `/docs/`")))]
async fn index() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// The documentation page and the files that it loads.
#[utoipa::path(get, path = "", params(("file" = String, Path, description = "Empty for the page itself")), responses(
    (status = 200, description = "The page or one of its files", content_type = "text/html"),
    (status = 404, description = "No such file"),
))]
async fn file(file: web::Path<String>) -> Result<HttpResponse, Error> {
    // Relative to the page, so that it works behind a proxy that adds a path. The page's own validator is a service of its makers, which
    // would learn the document's address: none.
    let config = Arc::new(Config::from("../openapi.json").validator_url("none"));
    let file = utoipa_swagger_ui::serve(&file, config)
        .map_err(|_| Error::Internal("the documentation page could not be made".into()))?
        .ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().content_type(file.content_type).body(file.bytes.into_owned()))
}
