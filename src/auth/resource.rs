//! What this service calls itself towards clients (RFC 9728).

use url::Url;

/// The well-known name of the metadata document (RFC 9728 section 3).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The service as a protected resource.
#[derive(Debug)]
pub(crate) struct ProtectedResource {
    identifier: String,
    metadata_url: String,
    authorization_servers: Vec<String>,
    scope_prefix: String,
}

impl ProtectedResource {
    /// `identifier` is the public URL. With a path in it, the well-known segment goes before the path (RFC 9728 section 3.1).
    pub(crate) fn new(identifier: String, authorization_servers: Vec<String>, scope_prefix: String) -> Self {
        let metadata_url = metadata_url(&identifier);
        Self { identifier, metadata_url, authorization_servers, scope_prefix }
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
    pub(crate) fn authorization_servers(&self) -> &[String] {
        &self.authorization_servers
    }

    /// A permission's name as the scope that a client asks the provider for.
    pub(crate) fn scope(&self, permission: &str) -> String {
        format!("{}{permission}", self.scope_prefix)
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
