//! Who the issuer knows: two people and two clients, the same in every process.
//!
//! Nothing here is secret: the machine's "secret" is printed in the documentation and works on loopback only.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use url::{Host, Url};

/// The client id of the single-page app: public, signs people in with code and PKCE, returns to any loopback address.
pub const SPA_CLIENT: &str = "portcullis-spa";
/// The client id of a service that signs people in itself and keeps their tokens: it has a secret, and returns to any loopback address.
pub const SESSION_CLIENT: &str = "portcullis-session";
/// The development secret of [`SESSION_CLIENT`]. Everybody knows it.
pub const SESSION_SECRET: &str = "session-development-secret";
/// The client id of the machine that is registered: it acts for itself by client credentials.
pub const MACHINE_CLIENT: &str = "reporter";
/// The development secret of [`MACHINE_CLIENT`]. Everybody knows it.
pub const MACHINE_SECRET: &str = "reporter-development-secret";

/// Somebody who can sign in. There are no passwords: the page asks who to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// The `sub` claim and the `preferred_username`.
    pub(super) login: &'static str,
    pub(super) given_name: &'static str,
    pub(super) family_name: &'static str,
    pub(super) email: &'static str,
    pub(super) locale: &'static str,
}

impl Person {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
}

pub(super) const ALICE: Person =
    Person { login: "alice", given_name: "Alice", family_name: "Archer", email: "alice@example.test", locale: "en-GB" };
pub(super) const BOB: Person =
    Person { login: "bob", given_name: "Bob", family_name: "Baker", email: "bob@example.test", locale: "en-US" };

pub(super) const PEOPLE: [&Person; 2] = [&ALICE, &BOB];

pub(super) fn find_person(login: &str) -> Option<&'static Person> {
    PEOPLE.into_iter().find(|person| person.login == login)
}

/// What a client may do follows from its kind (RFC 6749 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// Runs in a browser, holds no secret: code with PKCE, and refresh.
    Spa,
    /// Runs on a server, with a secret: code with PKCE, and refresh.
    Web,
    /// A program with a secret: client credentials only.
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

    /// Whether this proves to be the client: the right secret, or none for a client that has none.
    pub(super) fn accepts_secret(self, secret: Option<&str>) -> bool {
        match (self, secret) {
            (Self::Spa, None) => true,
            (Self::Machine, Some(secret)) => is_equal(secret, MACHINE_SECRET),
            (Self::Web, Some(secret)) => is_equal(secret, SESSION_SECRET),
            (Self::Spa, Some(_)) | (Self::Web | Self::Machine, None) => false,
        }
    }

    /// Whether people sign in by it.
    pub(super) fn signs_people_in(self) -> bool {
        matches!(self, Self::Spa | Self::Web)
    }

    /// The address, if the client may be answered there: for whoever signs people in any loopback one, whatever port its development server got
    /// (RFC 8252 section 7.3); none for the machine.
    pub(super) fn registered_redirect(self, uri: &str) -> Option<Url> {
        let uri = Url::parse(uri).ok()?;
        let plain = uri.fragment().is_none() && uri.username().is_empty() && uri.password().is_none();
        (self.signs_people_in() && plain && is_loopback(&uri)).then_some(uri)
    }
}

fn is_equal(secret: &str, expected: &str) -> bool {
    verify_slices_are_equal(secret.as_bytes(), expected.as_bytes()).is_ok()
}

/// Whether a web address names this machine: `localhost`, a name below it, or a loopback address.
pub(super) fn is_loopback(uri: &Url) -> bool {
    let here = match uri.host() {
        // RFC 6761 section 6.3.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    here && matches!(uri.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_is_answered_on_loopback_only() {
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
            "http://someone@localhost/",
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
    fn whoever_runs_on_a_server_has_a_secret() {
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
