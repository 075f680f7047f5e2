//! The users and clients of the issuer: two users and three clients, the same in every process.
//!
//! Nothing here is secret: the client secrets are public and work on loopback only.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use url::{Host, Url};

/// The client id of the single-page app: a public client that uses code with PKCE, with any loopback redirect URI.
pub const SPA_CLIENT: &str = "portcullis-spa";
/// The client id of a service with browser sign-in, which keeps the tokens itself: a confidential client with any loopback redirect URI.
pub const SESSION_CLIENT: &str = "portcullis-session";
/// The development secret of [`SESSION_CLIENT`]. It is public.
pub const SESSION_SECRET: &str = "session-development-secret";
/// The client id of the machine client, which uses client credentials.
pub const MACHINE_CLIENT: &str = "reporter";
/// The development secret of [`MACHINE_CLIENT`]. It is public.
pub const MACHINE_SECRET: &str = "reporter-development-secret";

/// A user who can sign in. There are no passwords: the sign-in page lets the browser choose a user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    /// The `sub` claim and the `preferred_username`.
    pub(super) login: &'static str,
    pub(super) given_name: &'static str,
    pub(super) family_name: &'static str,
    pub(super) email: &'static str,
    pub(super) locale: &'static str,
}

impl User {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
}

pub(super) const ALICE: User =
    User { login: "alice", given_name: "Alice", family_name: "Archer", email: "alice@example.test", locale: "en-GB" };
pub(super) const BOB: User =
    User { login: "bob", given_name: "Bob", family_name: "Baker", email: "bob@example.test", locale: "en-US" };

pub(super) const USERS: [&User; 2] = [&ALICE, &BOB];

pub(super) fn find_user(login: &str) -> Option<&'static User> {
    USERS.into_iter().find(|user| user.login == login)
}

/// A client. Its kind determines the grants it may use (RFC 6749 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// Runs in a browser and has no secret: code with PKCE, and refresh.
    Spa,
    /// Runs on a server and has a secret: code with PKCE, and refresh.
    Web,
    /// A machine client with a secret: client credentials only.
    Machine,
}

impl Client {
    pub(super) fn find(id: &str) -> Option<Self> {
        [Self::Spa, Self::Web, Self::Machine].into_iter().find(|client| client.id() == id)
    }

    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Spa => SPA_CLIENT,
            Self::Web => SESSION_CLIENT,
            Self::Machine => MACHINE_CLIENT,
        }
    }

    /// Whether the secret authenticates the client. A public client must present none.
    pub(super) fn accepts_secret(self, secret: Option<&str>) -> bool {
        match (self, secret) {
            (Self::Spa, None) => true,
            (Self::Machine, Some(secret)) => is_equal(secret, MACHINE_SECRET),
            (Self::Web, Some(secret)) => is_equal(secret, SESSION_SECRET),
            (Self::Spa, Some(_)) | (Self::Web | Self::Machine, None) => false,
        }
    }

    /// Whether users sign in through this client.
    pub(super) fn signs_users_in(self) -> bool {
        matches!(self, Self::Spa | Self::Web)
    }

    /// The parsed redirect URI if it is registered for this client. For sign-in clients every loopback address and port is registered
    /// (RFC 8252 section 7.3), for the machine client none.
    pub(super) fn registered_redirect(self, uri: &str) -> Option<Url> {
        let uri = Url::parse(uri).ok()?;
        let is_plain = uri.fragment().is_none() && uri.username().is_empty() && uri.password().is_none();
        (self.signs_users_in() && is_plain && is_loopback(&uri)).then_some(uri)
    }
}

fn is_equal(secret: &str, expected: &str) -> bool {
    verify_slices_are_equal(secret.as_bytes(), expected.as_bytes()).is_ok()
}

/// Whether the host of an http or https URL is `localhost`, a name below it, or a loopback address.
pub(super) fn is_loopback(uri: &Url) -> bool {
    let is_local_host = match uri.host() {
        // RFC 6761 section 6.3.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_local_host && matches!(uri.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_redirect_uris_are_registered() {
        for good in [
            "http://localhost:5173/callback",
            "http://127.0.0.1:3000",
            "http://[::1]:8080/a?b=c",
            "http://app.localhost",
        ] {
            assert!(Client::Spa.registered_redirect(good).is_some(), "{good}");
            assert!(Client::Web.registered_redirect(good).is_some(), "{good}");
            assert!(Client::Machine.registered_redirect(good).is_none(), "{good}");
        }
        for bad in [
            "https://example.com/",
            "http://localhost.example.com/",
            "http://localhost@example.com/",
            "http://user@localhost/",
            "http://localhost/#fragment",
            "com.example:/callback",
            "javascript://localhost/%0aalert(1)",
            "/callback",
            "",
        ] {
            assert!(Client::Spa.registered_redirect(bad).is_none(), "{bad}");
            assert!(Client::Web.registered_redirect(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn confidential_clients_require_their_secret_and_the_public_client_none() {
        assert!(Client::Machine.accepts_secret(Some(MACHINE_SECRET)));
        assert!(!Client::Machine.accepts_secret(Some("another")));
        assert!(!Client::Machine.accepts_secret(None));
        assert!(Client::Web.accepts_secret(Some(SESSION_SECRET)));
        assert!(!Client::Web.accepts_secret(Some(MACHINE_SECRET)));
        assert!(!Client::Web.accepts_secret(None));
        assert!(Client::Spa.accepts_secret(None));
        assert!(!Client::Spa.accepts_secret(Some("")));
    }
}
