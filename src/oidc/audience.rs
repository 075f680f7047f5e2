//! Whom a token is meant for: `aud` (RFC 7519 section 4.1.3, RFC 8725 section 3.9).

use std::collections::BTreeSet;

use super::Rejection;
use super::strict_json::{Json, Object};

/// Refuses a token that is not meant for us: whose `aud`, a text or a list of texts, does not hold one of `ours` exactly.
///
/// Some issuers name no audience in access tokens (Cognito). Where they are configured without one, a list of the allowed clients
/// stands in for it, which [`check_client`] asks; a token that names an audience all the same is not meant for us.
pub(super) fn check(claims: &Object<'_>, ours: &[String], allowed_clients: &BTreeSet<String>) -> Result<(), Rejection> {
    let is_ours = |audience: &str| ours.iter().any(|own| own == audience);
    let named = match claims.get("aud") {
        Some(Json::Text(audience)) => is_ours(audience),
        Some(Json::List(audiences)) => {
            audiences.iter().all(|audience| audience.as_str().is_some())
                && audiences.iter().filter_map(Json::as_str).any(is_ours)
        }
        None => ours.is_empty() && !allowed_clients.is_empty(),
        Some(_) => false,
    };
    if named { Ok(()) } else { Err(Rejection::WrongAudience) }
}

/// Refuses a token of a client that is not on the list, where there is a list.
pub(super) fn check_client(client_id: Option<&str>, allowed: &BTreeSet<String>) -> Result<(), Rejection> {
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
    fn one_exact_name_is_enough() {
        assert!(is_ours(json!({ "aud": "api" })));
        assert!(is_ours(json!({ "aud": ["other", "https://api.example.com"] })));
    }

    #[test]
    fn everything_else_is_meant_for_others() {
        let others =
            [json!("API"), json!("api "), json!("ap"), json!("https://api.example.com/"), json!("other"), json!("")];
        let malformed = [json!(null), json!([]), json!(1), json!({ "api": true }), json!(["api", 1]), json!([["api"]])];
        for audience in others.into_iter().chain(malformed) {
            assert!(!is_ours(json!({ "aud": audience })), "{audience}");
        }
        assert!(!is_ours(json!({})));
    }

    #[test]
    fn without_a_name_of_our_own_nothing_is_ours() {
        let check = |claims: Value| check(&Object::of(&claims), &[], &BTreeSet::new());
        assert_eq!(check(json!({ "aud": "" })), Err(Rejection::WrongAudience));
        assert_eq!(check(json!({})), Err(Rejection::WrongAudience));
    }

    #[test]
    fn allowed_clients_stand_in_for_an_audience_that_nobody_names() {
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
