//! The identity of this service as a protected resource (RFC 9728).

use url::Url;

use crate::models::permission::Permission;
use crate::oidc::TrustedIssuers;

/// The well-known path of the metadata document (RFC 9728 section 3).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// This service as a protected resource.
pub(crate) struct ProtectedResource {
    identifier: String,
    path: String,
    metadata_url: String,
    issuers: TrustedIssuers,
}

impl ProtectedResource {
    /// `identifier` is the public URL. If it has a path, the well-known segment precedes the path (RFC 9728 section 3.1).
    pub(crate) fn new(identifier: String, issuers: TrustedIssuers) -> Self {
        let path = path_of(&identifier);
        let metadata_url = metadata_url(&identifier, &path);
        Self { identifier, path, metadata_url, issuers }
    }

    /// Returns the resource identifier: the public URL.
    pub(crate) fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Returns the path of the public URL: empty, or with a leading slash.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the URL of the metadata document.
    pub(crate) fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// Returns the canonical names of the trusted issuers.
    pub(crate) fn authorization_servers(&self) -> Vec<String> {
        self.issuers.canonical_issuers()
    }

    /// Returns the scopes of the permissions, once for each scope prefix of an issuer.
    pub(crate) fn scopes(&self, permissions: impl IntoIterator<Item = Permission, IntoIter: Clone>) -> Vec<String> {
        let permissions = permissions.into_iter();
        let spell =
            |prefix: String| permissions.clone().map(move |permission| format!("{prefix}{}", permission.name()));
        self.issuers.scope_prefixes().into_iter().flat_map(spell).collect()
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
    fn well_known_segment_is_between_host_and_path() {
        let client = crate::oidc::testing::introspection_client(&crate::Clock::system());
        for (identifier, expected) in [
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
            ("https://a.example:8443/b/v2", "https://a.example:8443/.well-known/oauth-protected-resource/b/v2"),
        ] {
            let resource = ProtectedResource::new(identifier.to_owned(), TrustedIssuers::new([], client.clone()));
            assert_eq!(resource.metadata_url(), expected);
        }
    }
}
