//! OAuth 2.0 Protected Resource Metadata (RFC 9728 section 2).

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::resource::ProtectedResource;
use crate::models::permission::PermissionSet;

/// OAuth 2.0 Protected Resource Metadata (RFC 9728 section 2).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProtectedResourceResponse {
    /// The resource identifier: the public URL of the service.
    #[schema(example = "https://api.example.com")]
    resource: String,
    /// The trusted issuers.
    authorization_servers: Vec<String>,
    /// The scopes that routes require, in the spelling of each issuer.
    scopes_supported: Vec<String>,
    /// How tokens can be sent: only in the `Authorization` header field.
    bearer_methods_supported: [&'static str; 1],
}

impl ProtectedResourceResponse {
    pub(crate) fn new(resource: &ProtectedResource, permissions: PermissionSet) -> Self {
        Self {
            resource: resource.identifier().to_owned(),
            authorization_servers: resource.authorization_servers(),
            scopes_supported: resource.scopes(permissions.iter().copied()),
            bearer_methods_supported: ["header"],
        }
    }
}
