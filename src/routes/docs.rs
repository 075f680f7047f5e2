//! The API's documentation: the OpenAPI document, and a page that shows it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType, HeaderName, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, oauth};

use crate::auth::catalogue::Catalogue;
use crate::auth::{Api, PUBLIC};
use crate::error::Error;
use crate::oidc::SignInPlace;
use crate::op;

/// The document that the page reads where it signs people in, beside the page.
const OWN_DOCUMENT: &str = "openapi.json";

pub(super) fn register(api: &mut Api) {
    api.get("/openapi.json", PUBLIC, op!(openapi)).get("/docs", PUBLIC, op!(index)).get(
        "/docs/{file:.*}",
        PUBLIC,
        op!(file),
    );
}

/// The OpenAPI document of this service.
#[utoipa::path(get, path = "", responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")))]
async fn openapi(catalogue: web::Data<Catalogue>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(catalogue.openapi_json())
}

/// Leads to the documentation page.
#[utoipa::path(get, path = "", responses((status = 308, description = "The page is at `/docs/`")))]
async fn index() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

/// The documentation page and the files that it loads.
#[utoipa::path(get, path = "", params(("file" = String, Path, description = "Empty for the page itself")), responses(
    (status = 200, description = "The page or one of its files", content_type = "text/html"),
    (status = 404, description = "No such file"),
))]
async fn file(
    file: web::Path<String>,
    sign_in: Option<web::Data<DocsSignIn>>,
    catalogue: web::Data<Catalogue>,
) -> Result<HttpResponse, Error> {
    let sign_in = sign_in.as_ref().map(|sign_in| sign_in.get_ref());
    if let (OWN_DOCUMENT, Some(sign_in)) = (file.as_str(), sign_in) {
        return Ok(own_document(sign_in, &catalogue).await);
    }
    let file = utoipa_swagger_ui::serve(&file, Arc::new(page_settings(sign_in, &catalogue)))
        .map_err(|_| Error::Internal("the documentation page could not be made".into()))?
        .ok_or(Error::NotFound)?;
    let bytes = match file.bytes {
        // The large ones are part of the program, and need no copy.
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => web::Bytes::from(bytes),
    };
    let policy = page_policy(sign_in).await;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((PERMISSIONS_POLICY, NO_FEATURES))
        .body(bytes))
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const NO_FEATURES: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// The one inline style that Swagger UI sets once somebody has signed in, by its SHA-256: no other is let through.
const SWAGGER_STYLE: &str = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

/// What the page may do: run and show its own files, ask this service, and where it signs people in, exchange a code at their issuer.
/// Its icons are data in its styles; nothing of it stands in the page itself.
async fn page_policy(sign_in: Option<&DocsSignIn>) -> String {
    let endpoints = match sign_in {
        Some(sign_in) => sign_in.place.endpoints().await,
        None => None,
    };
    let issuer = endpoints.map(|endpoints| format!(" {}", endpoints.token.origin().ascii_serialization()));
    let issuer = issuer.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-hashes' {SWAGGER_STYLE}; img-src 'self' data:; connect-src 'self'{issuer}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// How the documentation page signs people in.
pub(crate) struct DocsSignIn {
    client_id: String,
    parameters: HashMap<String, String>,
    place: SignInPlace,
}

impl DocsSignIn {
    /// As the client `client_id` of the issuer whose place this is, which is sent `parameters` besides.
    pub(crate) fn new(client_id: String, parameters: HashMap<String, String>, place: SignInPlace) -> Self {
        Self { client_id, parameters, place }
    }
}

/// The document as the page needs it where it signs people in; without that while the issuer does not say where.
async fn own_document(sign_in: &DocsSignIn, catalogue: &Catalogue) -> HttpResponse {
    let document = match sign_in.place.endpoints().await {
        Some(endpoints) => catalogue.openapi_with_sign_in(&endpoints),
        None => catalogue.openapi_json(),
    };
    HttpResponse::Ok().content_type(ContentType::json()).body(document)
}

/// Addresses are relative to the page, so that it works behind a proxy that adds a path.
fn page_settings(sign_in: Option<&DocsSignIn>, catalogue: &Catalogue) -> Config<'static> {
    // The page's own validator is a service of its makers, which would learn the document's address: none.
    let Some(DocsSignIn { client_id, parameters, .. }) = sign_in else {
        return Config::from("../openapi.json").validator_url("none");
    };
    let client = oauth::Config::new()
        .client_id(client_id)
        .scopes(catalogue.scope_names())
        .additional_query_string_params(parameters.clone())
        .use_pkce_with_authorization_code_grant(true);
    Config::with_oauth_config([OWN_DOCUMENT], client).validator_url("none")
}
