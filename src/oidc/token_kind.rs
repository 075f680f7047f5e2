//! Which kind of token this is: access tokens pass, all others are refused, whatever their audience (RFC 8725 sections 2.8, 3.12).

use super::Rejection;
use super::strict_json::{Json, Object};

/// Claims that ID tokens (OIDC Core section 2), logout tokens and security events (RFC 8417) carry. Older Keycloak puts `nonce` into
/// access tokens as well, so they count only where the token does not say what it is.
const SIGNS_OF_OTHER_KINDS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// What ID tokens have of them, and the tokens of issuers that are set to accept those may have.
const SIGNS_OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// What an issuer's tokens have to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    /// `at+jwt` must be in the header (RFC 9068 section 4).
    pub(super) at_jwt: bool,
    /// ID tokens pass as well.
    pub(super) or_id_token: bool,
}

/// Refuses what is not an access token, and one that only its rightful sender may use.
///
/// A token says what it is by the header's `typ`, by `typ` among the claims (Keycloak) or by `token_use` (Cognito). What it says
/// decides alone; where two of these contradict each other it is refused.
pub(super) fn check(header_says_access_token: bool, claims: &Object<'_>, expected: Expected) -> Result<(), Rejection> {
    if claims.contains_key("cnf") {
        return Err(Rejection::SenderConstrained);
    }
    if expected.at_jwt && !header_says_access_token {
        return Err(Rejection::WrongType);
    }
    let is_access_token =
        is(header_says_access_token, claims, &["Bearer", "at+jwt"], &["access"], &SIGNS_OF_OTHER_KINDS);
    let is_id_token = || {
        let signs = SIGNS_OF_OTHER_KINDS.iter().filter(|sign| !SIGNS_OF_ID_TOKENS.contains(sign)).copied();
        !header_says_access_token && is(false, claims, &["ID"], &["id"], &signs.collect::<Vec<_>>())
    };
    if is_access_token || (expected.or_id_token && is_id_token()) { Ok(()) } else { Err(Rejection::NotAnAccessToken) }
}

/// Refuses a token that its issuer calls active (RFC 7662 section 2.2) but no access token, or usable by one sender alone. Whether the
/// issuer says at all that it is an access token: some call refresh and ID tokens active too.
pub(super) fn check_answer(claims: &Object<'_>) -> Result<bool, Rejection> {
    if claims.contains_key("cnf") {
        return Err(Rejection::SenderConstrained);
    }
    let names: [(&str, &[&str]); 3] = [
        ("token_type", &["Bearer", "access_token"]),
        ("token_use", &["access", "access_token"]),
        ("typ", &["Bearer", "at+jwt", "access_token"]),
    ];
    let statements = names.map(|(member, names)| claims.get(member).map(|value| is_any_of(value, names)));
    if statements.contains(&Some(false)) {
        Err(Rejection::NotAnAccessToken)
    } else {
        Ok(statements.contains(&Some(true)))
    }
}

/// Whether a token says that it is of one kind, and nothing against it; or is silent and bears no sign of another.
fn is(header_says_so: bool, claims: &Object<'_>, types: &[&str], uses: &[&str], signs_against: &[&str]) -> bool {
    let statements = [
        header_says_so.then_some(true),
        claims.get("typ").map(|typ| is_any_of(typ, types)),
        claims.get("token_use").map(|usage| is_any_of(usage, uses)),
    ];
    if statements.iter().all(Option::is_none) {
        return !signs_against.iter().any(|name| claims.contains_key(name));
    }
    !statements.contains(&Some(false))
}

fn is_any_of(value: &Json<'_>, names: &[&str]) -> bool {
    value.as_str().is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kind(header_says_access_token: bool, claims: Value) -> Result<(), Rejection> {
        check(header_says_access_token, &Object::of(&claims), Expected::default())
    }

    #[test]
    fn id_tokens_pass_where_the_issuer_is_set_to_accept_them() {
        let accepting = Expected { or_id_token: true, ..Expected::default() };
        let kind = |claims: Value| check(false, &Object::of(&claims), accepting);
        for claims in [
            json!({ "nonce": "n", "at_hash": "h", "c_hash": "h" }),
            json!({ "typ": "ID", "nonce": "n" }),
            json!({ "token_use": "id" }),
            json!({ "typ": "Bearer" }),
        ] {
            assert_eq!(kind(claims.clone()), Ok(()), "{claims}");
        }
        for claims in [
            json!({ "events": {} }),
            json!({ "typ": "Logout", "nonce": "n" }),
            json!({ "typ": "Refresh" }),
            json!({ "typ": "Bearer", "token_use": "id" }),
        ] {
            assert_eq!(kind(claims.clone()), Err(Rejection::NotAnAccessToken), "{claims}");
        }
    }

    #[test]
    fn an_issuer_can_demand_that_the_header_says_access_token() {
        let demanding = Expected { at_jwt: true, ..Expected::default() };
        let claims = json!({ "typ": "Bearer" });
        assert_eq!(check(true, &Object::of(&claims), demanding), Ok(()));
        assert_eq!(check(false, &Object::of(&claims), demanding), Err(Rejection::WrongType));
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
