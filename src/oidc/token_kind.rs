//! Which kind of token this is: access tokens pass, all others are refused, whatever their audience (RFC 8725 sections 2.8, 3.12).

use serde_json::{Map, Value};

use super::Rejection;

/// Claims that ID tokens (OIDC Core section 2), logout tokens and security events (RFC 8417) carry. Older Keycloak puts `nonce` into
/// access tokens as well, so they count only where the token does not say what it is.
const SIGNS_OF_OTHER_KINDS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// Refuses what is not an access token, and one that only its rightful sender may use.
///
/// A token says what it is by the header's `typ`, by `typ` among the claims (Keycloak) or by `token_use` (Cognito). What it says
/// decides alone; where two of these contradict each other it is refused.
pub(super) fn check(header_says_access_token: bool, claims: &Map<String, Value>) -> Result<(), Rejection> {
    if claims.contains_key("cnf") {
        return Err(Rejection::SenderConstrained);
    }
    let statements = [
        header_says_access_token.then_some(true),
        claims.get("typ").map(|typ| is_any_of(typ, &["Bearer", "at+jwt"])),
        claims.get("token_use").map(|usage| is_any_of(usage, &["access"])),
    ];
    let says_otherwise = statements.contains(&Some(false));
    let is_silent = statements.iter().all(Option::is_none);
    let looks_otherwise = SIGNS_OF_OTHER_KINDS.iter().any(|name| claims.contains_key(*name));
    if says_otherwise || (is_silent && looks_otherwise) { Err(Rejection::NotAnAccessToken) } else { Ok(()) }
}

fn is_any_of(value: &Value, names: &[&str]) -> bool {
    value.as_str().is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(header_says_access_token: bool, claims: Value) -> Result<(), Rejection> {
        check(header_says_access_token, claims.as_object().unwrap())
    }

    #[test]
    fn a_token_that_says_what_it_is_is_believed() {
        for claims in [
            json!({ "typ": "Bearer", "nonce": "n" }),
            json!({ "token_use": "access", "at_hash": "h" }),
            json!({ "typ": "Bearer", "token_use": "access" }),
        ] {
            assert_eq!(kind(false, claims), Ok(()));
        }
        assert_eq!(kind(true, json!({ "nonce": "n" })), Ok(()));
        for typ in ["ID", "Refresh", "Offline", "Logout", "Serialized-ID", "", "JWT"] {
            assert_eq!(kind(false, json!({ "typ": typ })), Err(Rejection::NotAnAccessToken), "{typ}");
        }
        for usage in [json!("id"), json!("refresh"), json!(null), json!(["access"])] {
            assert_eq!(kind(false, json!({ "token_use": usage })), Err(Rejection::NotAnAccessToken));
        }
    }

    #[test]
    fn a_token_that_contradicts_itself_is_refused() {
        assert_eq!(kind(true, json!({ "typ": "ID" })), Err(Rejection::NotAnAccessToken));
        assert_eq!(kind(true, json!({ "token_use": "id" })), Err(Rejection::NotAnAccessToken));
        assert_eq!(kind(false, json!({ "typ": "Bearer", "token_use": "id" })), Err(Rejection::NotAnAccessToken));
    }

    #[test]
    fn a_silent_token_must_not_look_like_another_kind() {
        assert_eq!(kind(false, json!({ "sub": "a" })), Ok(()));
        for name in SIGNS_OF_OTHER_KINDS {
            assert_eq!(kind(false, json!({ name: null })), Err(Rejection::NotAnAccessToken), "{name}");
        }
    }

    #[test]
    fn a_bound_token_is_refused_whatever_it_is() {
        assert_eq!(kind(true, json!({ "cnf": { "jkt": "x" } })), Err(Rejection::SenderConstrained));
        assert_eq!(kind(false, json!({ "cnf": null })), Err(Rejection::SenderConstrained));
    }
}
