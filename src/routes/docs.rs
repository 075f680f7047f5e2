//! The API documentation: the OpenAPI document and the page that renders it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType, HeaderName, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, oauth};

use crate::auth::PUBLIC;
use crate::error::Error;
use crate::oidc::SignInPlace;
use crate::op;
use crate::routing::Api;
use crate::routing::catalogue::Catalogue;

/// The document that the page loads if sign-in is configured for it, relative to the page.
const OWN_DOCUMENT: &str = "openapi.json";

pub(super) fn register(api: &mut Api) {
    api.get("/openapi.json", PUBLIC, op!(openapi)).get("/docs", PUBLIC, op!(index)).get(
        "/docs/{file:.*}",
        PUBLIC,
        op!(file),
    );
}

/// Returns the OpenAPI document of this service.
#[utoipa::path(get, path = "", responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")))]
async fn openapi(catalogue: web::Data<Catalogue>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(catalogue.openapi_json())
}

/// Redirects to the documentation page.
#[utoipa::path(get, path = "", responses((status = 308, description = "Redirect to `/docs/`")))]
async fn index() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

/// Returns the documentation page or one of its files.
#[utoipa::path(get, path = "", params(("file" = String, Path, description = "The file's name; empty for the page itself")), responses(
    (status = 200, description = "The page or one of its files", content_type = "text/html"),
    (status = 404, description = "File not found"),
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
        .map_err(|_| Error::Internal("failed to render the documentation page".into()))?
        .ok_or(Error::NotFound)?;
    let bytes = match file.bytes {
        // Static files are part of the binary and need no copy.
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

/// The SHA-256 of the only inline style that is allowed: Swagger UI sets it after sign-in.
const SWAGGER_STYLE: &str = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

/// Returns the page's content security policy. The page may run and show its own files, call this service and, if sign-in is configured,
/// exchange a code at the issuer's token endpoint. Its icons are `data:` URLs in its styles; the page has no inline scripts.
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

/// The sign-in of the documentation page.
pub(crate) struct DocsSignIn {
    client_id: String,
    parameters: HashMap<String, String>,
    place: SignInPlace,
}

impl DocsSignIn {
    /// Signs in as the client `client_id` at the issuer of `place`. `parameters` are added to the authorization request.
    pub(crate) fn new(client_id: String, parameters: HashMap<String, String>, place: SignInPlace) -> Self {
        Self { client_id, parameters, place }
    }
}

/// Returns the document with the sign-in scheme, or without it while the issuer's endpoints are unknown.
async fn own_document(sign_in: &DocsSignIn, catalogue: &Catalogue) -> HttpResponse {
    let document = match sign_in.place.endpoints().await {
        Some(endpoints) => catalogue.openapi_with_sign_in(&endpoints),
        None => catalogue.openapi_json(),
    };
    HttpResponse::Ok().content_type(ContentType::json()).body(document)
}

/// Returns the settings of Swagger UI. URLs are relative to the page, so they work behind a proxy that adds a path.
fn page_settings(sign_in: Option<&DocsSignIn>, catalogue: &Catalogue) -> Config<'static> {
    // Swagger UI's default validator is an external service that would receive the document's URL.
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
