//! What this service calls itself towards clients (RFC 9728).

use url::Url;

/// The well-known name of the metadata document (RFC 9728 section 3).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The service as a protected resource.
#[derive(Debug)]
pub(crate) struct ProtectedResource {
    identifier: String,
    path: String,
    metadata_url: String,
    authorization_servers: Vec<String>,
    scope_prefix: String,
}

impl ProtectedResource {
    /// `identifier` is the public URL. With a path in it, the well-known segment goes before the path (RFC 9728 section 3.1).
    pub(crate) fn new(identifier: String, authorization_servers: Vec<String>, scope_prefix: String) -> Self {
        let path = path_of(&identifier);
        let metadata_url = metadata_url(&identifier, &path);
        Self { identifier, path, metadata_url, authorization_servers, scope_prefix }
    }

    /// The resource identifier: the public URL.
    pub(crate) fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The path of the public URL, empty or from its first slash.
    pub(crate) fn path(&self) -> &str {
        &self.path
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

fn path_of(identifier: &str) -> String {
    Url::parse(identifier).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

fn metadata_url(identifier: &str, path: &str) -> String {
    let origin = identifier.strip_suffix(path).unwrap_or(identifier);
    format!("{origin}{METADATA_PATH}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_segment_goes_between_host_and_path() {
        for (identifier, expected) in [
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
            ("https://a.example:8443/b/v2", "https://a.example:8443/.well-known/oauth-protected-resource/b/v2"),
        ] {
            let resource = ProtectedResource::new(identifier.to_owned(), Vec::new(), String::new());
            assert_eq!(resource.metadata_url(), expected);
        }
    }
}
