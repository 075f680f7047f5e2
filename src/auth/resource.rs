//! What this service calls itself towards clients (RFC 9728).

use url::Url;

use crate::models::permission::PermissionSet;
use crate::oidc::TrustedIssuers;

/// The well-known name of the metadata document (RFC 9728 section 3).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The service as a protected resource.
pub(crate) struct ProtectedResource {
    identifier: String,
    metadata_url: String,
    issuers: TrustedIssuers,
}

impl ProtectedResource {
    /// `identifier` is the public URL. With a path in it, the well-known segment goes before the path (RFC 9728 section 3.1).
    pub(crate) fn new(identifier: String, issuers: TrustedIssuers) -> Self {
        let metadata_url = metadata_url(&identifier);
        Self { identifier, metadata_url, issuers }
    }

    /// The resource identifier: the public URL.
    pub(crate) fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Where the metadata document is.
    pub(crate) fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The canonical issuers whose tokens are taken.
    pub(crate) fn authorization_servers(&self) -> Vec<String> {
        self.issuers.canonical_issuers()
    }

    /// Permissions as the scopes that clients ask the issuers for: once for each way in which an issuer spells them.
    pub(crate) fn scopes(&self, permissions: &PermissionSet) -> Vec<String> {
        let prefixes = self.issuers.scope_prefixes();
        let spelled = |prefix: &String| {
            permissions.iter().map(move |permission| format!("{prefix}{}", permission.name())).collect::<Vec<_>>()
        };
        prefixes.iter().flat_map(spelled).collect()
    }
}

fn metadata_url(identifier: &str) -> String {
    let path = Url::parse(identifier).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    let origin = identifier.strip_suffix(path.as_str()).unwrap_or(identifier);
    format!("{origin}{METADATA_PATH}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_segment_goes_between_host_and_path() {
        assert_eq!(metadata_url("https://a.example"), "https://a.example/.well-known/oauth-protected-resource");
        assert_eq!(
            metadata_url("https://a.example:8443/base/v2"),
            "https://a.example:8443/.well-known/oauth-protected-resource/base/v2"
        );
    }
}
