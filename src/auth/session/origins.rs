//! The allowed origins: their pages may send session cookies, and browsers may be redirected to them after a sign-in.

use std::collections::HashSet;

use url::Url;

/// The origin of this service and the origins that the operator allows.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    public_url: Url,
    own: String,
    allowed: HashSet<String>,
}

impl Origins {
    /// Allows the origin of the public URL and the origins in `allowed`, in the spelling of browsers. Returns `None` for an invalid URL.
    pub(crate) fn new(public_url: &str, allowed: &[String]) -> Option<Self> {
        let public_url = Url::parse(public_url).ok()?;
        let own = public_url.origin().ascii_serialization();
        Some(Self { public_url, own, allowed: allowed.iter().cloned().collect() })
    }

    /// Whether the origin is allowed.
    pub(crate) fn contains(&self, origin: &str) -> bool {
        origin == self.own || self.allowed.contains(origin)
    }

    /// Returns the absolute URL of `target`, if a browser may be redirected there: a path of this service, or a URL of an allowed origin.
    ///
    /// The target is parsed as in browsers (the URL standard). The parsed form is returned, so that no browser interprets it differently.
    pub(crate) fn destination(&self, target: &str) -> Option<String> {
        // Browsers remove or convert these characters (tabs, line ends, backslashes) before parsing. A legitimate target has none.
        if target.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return None;
        }
        let url = match target.strip_prefix('/') {
            Some(rest) if rest.starts_with('/') => return None,
            Some(_) => self.public_url.join(target).ok()?,
            None => Url::parse(target).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?,
        };
        let is_bare = url.username().is_empty() && url.password().is_none();
        (is_bare && self.contains(&url.origin().ascii_serialization()) && !self.is_about_sessions(&url))
            .then(|| url.into())
    }

    /// Returns the default destination.
    pub(crate) fn home(&self) -> String {
        self.public_url.join("/").map_or_else(|_| self.own.clone(), String::from)
    }

    /// Returns the absolute URL of a path of this service.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// Whether the URL is a sign-in or sign-out route of this service, which could cause a redirect loop.
    fn is_about_sessions(&self, url: &Url) -> bool {
        let own_path = self.public_url.path().trim_end_matches('/');
        let is_own = url.origin().ascii_serialization() == self.own;
        is_own && url.path().strip_prefix(own_path).is_some_and(|path| path.to_ascii_lowercase().starts_with("/auth/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins::new("https://api.example.com/v2", &["https://app.example.com".to_owned()]).unwrap()
    }

    #[test]
    fn own_paths_and_urls_of_allowed_origins_are_destinations() {
        for (target, expected) in [
            ("/", "https://api.example.com/"),
            ("/app?a=b#c", "https://api.example.com/app?a=b#c"),
            ("/a/../b", "https://api.example.com/b"),
            // Paths of this service that resemble other hosts.
            ("/.//foreign.example", "https://api.example.com//foreign.example"),
            ("/%5cforeign.example", "https://api.example.com/%5cforeign.example"),
            ("/@foreign.example", "https://api.example.com/@foreign.example"),
            ("https://app.example.com/x", "https://app.example.com/x"),
            ("https://APP.example.com", "https://app.example.com/"),
            ("https://api.example.com/x", "https://api.example.com/x"),
            ("https://app.example.com/v2/auth/login", "https://app.example.com/v2/auth/login"),
        ] {
            assert_eq!(origins().destination(target).as_deref(), Some(expected), "{target}");
        }
    }

    #[test]
    fn other_targets_are_rejected() {
        for target in [
            "",
            "app",
            "//foreign.example",
            "///foreign.example",
            "/\\foreign.example",
            "\\\\foreign.example",
            "/\t/foreign.example",
            "/\n/foreign.example",
            " /x",
            "\u{0}/x",
            "/x\u{7f}",
            "https://foreign.example",
            "https://app.example.com.foreign.example",
            "https://app.example.com@foreign.example",
            "https://someone@app.example.com/",
            "https://foreign.example#https://app.example.com",
            "https:foreign.example",
            "https:/foreign.example",
            "http://app.example.com",
            "https://app.example.com:8443",
            "javascript:alert(1)",
            "data:text/html,x",
            "blob:https://app.example.com/x",
            "//app.example.com/x",
            "/v2/auth/login",
            "/v2/AUTH/login",
            "/v2/x/../auth/callback",
        ] {
            assert_eq!(origins().destination(target), None, "{target:?}");
        }
    }
}
