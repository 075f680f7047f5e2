//! OAuth 2.0 Protected Resource Metadata (RFC 9728 section 2).

use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::resource::ProtectedResource;
use crate::models::permission::PermissionSet;

/// The members of RFC 9728 section 2 that apply.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProtectedResourceResponse {
    /// The public URL.
    #[schema(example = "https://api.example.com")]
    resource: String,
    /// The issuers whose tokens are taken.
    authorization_servers: Vec<String>,
    /// The scopes that some route asks for, as the issuers spell them.
    scopes_supported: Vec<String>,
    /// Tokens are read from the Authorization header field alone.
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
