//! The audience check: `aud` (RFC 7519 section 4.1.3, RFC 8725 section 3.9).

use std::collections::BTreeSet;

use crate::jose::unique_json::{Json, Object};
use crate::oidc::Rejection;

/// Refuses a token unless its `aud`, a string or a list of strings, contains one of `ours` exactly.
///
/// Some issuers put no audience into access tokens (Cognito). For an issuer configured without audiences, the list of allowed clients
/// replaces the check (see [`check_client`]), and a token that does have an audience is refused.
pub(crate) fn check(claims: &Object<'_>, ours: &[String], allowed_clients: &BTreeSet<String>) -> Result<(), Rejection> {
    let is_ours = |audience: &str| ours.iter().any(|own| own == audience);
    let matches = match claims.get("aud") {
        Some(Json::Text(audience)) => is_ours(audience),
        Some(Json::List(audiences)) => {
            audiences.iter().all(|audience| audience.as_str().is_some())
                && audiences.iter().filter_map(Json::as_str).any(is_ours)
        }
        None => ours.is_empty() && !allowed_clients.is_empty(),
        Some(_) => false,
    };
    if matches { Ok(()) } else { Err(Rejection::WrongAudience) }
}

/// Refuses a token of a client that is not in `allowed`; an empty list allows every client.
pub(crate) fn check_client(client_id: Option<&str>, allowed: &BTreeSet<String>) -> Result<(), Rejection> {
    let is_allowed = allowed.is_empty() || client_id.is_some_and(|client| allowed.contains(client));
    if is_allowed { Ok(()) } else { Err(Rejection::ClientNotAllowed) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_ours(claims: Value) -> bool {
        let ours = ["https://api.example.com".to_owned(), "api".to_owned()];
        check(&Object::of(&claims), &ours, &BTreeSet::new()).is_ok()
    }

    #[test]
    fn one_exactly_matching_audience_is_enough() {
        assert!(is_ours(json!({ "aud": "api" })));
        assert!(is_ours(json!({ "aud": ["other", "https://api.example.com"] })));
    }

    #[test]
    fn foreign_or_malformed_audience_is_rejected() {
        let others =
            [json!("API"), json!("api "), json!("ap"), json!("https://api.example.com/"), json!("other"), json!("")];
        let malformed = [json!(null), json!([]), json!(1), json!({ "api": true }), json!(["api", 1]), json!([["api"]])];
        for audience in others.into_iter().chain(malformed) {
            assert!(!is_ours(json!({ "aud": audience })), "{audience}");
        }
        assert!(!is_ours(json!({})));
    }

    #[test]
    fn token_is_rejected_without_configured_audiences_and_clients() {
        let check = |claims: Value| check(&Object::of(&claims), &[], &BTreeSet::new());
        assert_eq!(check(json!({ "aud": "" })), Err(Rejection::WrongAudience));
        assert_eq!(check(json!({})), Err(Rejection::WrongAudience));
    }

    #[test]
    fn allowed_clients_replace_an_absent_audience() {
        let clients = BTreeSet::from(["app".to_owned()]);
        let check = |claims: Value, ours: &[String]| check(&Object::of(&claims), ours, &clients);
        assert_eq!(check(json!({}), &[]), Ok(()));
        assert_eq!(check(json!({ "aud": "another" }), &[]), Err(Rejection::WrongAudience));
        assert_eq!(check(json!({}), &["api".to_owned()]), Err(Rejection::WrongAudience));
        assert_eq!(check_client(Some("app"), &clients), Ok(()));
        for other in [Some("App"), Some("other"), None] {
            assert_eq!(check_client(other, &clients), Err(Rejection::ClientNotAllowed));
        }
        assert_eq!(check_client(None, &BTreeSet::new()), Ok(()));
    }
}
