//! The token kind check: only access tokens pass, whatever the audience (RFC 8725 sections 2.8, 3.12).

use crate::jose::unique_json::{Json, Object};
use crate::oidc::Rejection;

/// Claims of ID tokens (OIDC Core section 2), logout tokens and security events (RFC 8417). Older Keycloak versions put `nonce` into
/// access tokens as well, so these are considered only if the token does not declare its kind.
const SIGNS_OF_OTHER_KINDS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// Those that occur in ID tokens, and are permitted for issuers whose ID tokens are accepted.
const SIGNS_OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// The accepted kinds of an issuer's tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    /// `typ` in the header must be `at+jwt` (RFC 9068 section 4).
    pub(crate) at_jwt: bool,
    /// ID tokens are accepted as well.
    pub(crate) or_id_token: bool,
}

/// Refuses a token that is not an access token or is sender-constrained.
///
/// A token declares its kind by `typ` in the header, by a `typ` claim (Keycloak) or by `token_use` (Cognito). If it has any of these, they
/// decide; if two of them contradict each other, the token is refused.
pub(crate) fn check(header_is_at_jwt: bool, claims: &Object<'_>, expected: Expected) -> Result<(), Rejection> {
    if claims.contains_key("cnf") {
        return Err(Rejection::SenderConstrained);
    }
    if expected.at_jwt && !header_is_at_jwt {
        return Err(Rejection::WrongType);
    }
    let is_access_token =
        is_of_kind(header_is_at_jwt, claims, &["Bearer", "at+jwt"], &["access"], &SIGNS_OF_OTHER_KINDS);
    let is_id_token = || {
        let signs = SIGNS_OF_OTHER_KINDS.iter().filter(|sign| !SIGNS_OF_ID_TOKENS.contains(sign)).copied();
        !header_is_at_jwt && is_of_kind(false, claims, &["ID"], &["id"], &signs.collect::<Vec<_>>())
    };
    if is_access_token || (expected.or_id_token && is_id_token()) { Ok(()) } else { Err(Rejection::NotAnAccessToken) }
}

/// Refuses an active token (RFC 7662 section 2.2) if the introspection response declares another kind or it is sender-constrained.
/// Returns whether the response declares it an access token: some issuers also report refresh and ID tokens as active.
pub(crate) fn check_answer(claims: &Object<'_>) -> Result<bool, Rejection> {
    if claims.contains_key("cnf") {
        return Err(Rejection::SenderConstrained);
    }
    let names: [(&str, &[&str]); 3] = [
        ("token_type", &["Bearer", "access_token"]),
        ("token_use", &["access", "access_token"]),
        ("typ", &["Bearer", "at+jwt", "access_token"]),
    ];
    let declarations = names.map(|(member, names)| claims.get(member).map(|value| is_any_of(value, names)));
    if declarations.contains(&Some(false)) {
        Err(Rejection::NotAnAccessToken)
    } else {
        Ok(declarations.contains(&Some(true)))
    }
}

/// Whether a token declares this kind and no other, or declares none and has no claim of another kind.
fn is_of_kind(header_declares: bool, claims: &Object<'_>, types: &[&str], uses: &[&str], against: &[&str]) -> bool {
    let declarations = [
        header_declares.then_some(true),
        claims.get("typ").map(|typ| is_any_of(typ, types)),
        claims.get("token_use").map(|usage| is_any_of(usage, uses)),
    ];
    if declarations.iter().all(Option::is_none) {
        return !against.iter().any(|name| claims.contains_key(name));
    }
    !declarations.contains(&Some(false))
}

fn is_any_of(value: &Json<'_>, names: &[&str]) -> bool {
    value.as_str().is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kind(header_is_at_jwt: bool, claims: Value) -> Result<(), Rejection> {
        check(header_is_at_jwt, &Object::of(&claims), Expected::default())
    }

    #[test]
    fn id_token_is_accepted_if_the_issuer_is_configured_to() {
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
    fn at_jwt_in_the_header_can_be_required() {
        let demanding = Expected { at_jwt: true, ..Expected::default() };
        let claims = json!({ "typ": "Bearer" });
        assert_eq!(check(true, &Object::of(&claims), demanding), Ok(()));
        assert_eq!(check(false, &Object::of(&claims), demanding), Err(Rejection::WrongType));
    }

    #[test]
    fn declared_kind_decides() {
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
    fn contradictory_declarations_are_rejected() {
        assert_eq!(kind(true, json!({ "typ": "ID" })), Err(Rejection::NotAnAccessToken));
        assert_eq!(kind(true, json!({ "token_use": "id" })), Err(Rejection::NotAnAccessToken));
        assert_eq!(kind(false, json!({ "typ": "Bearer", "token_use": "id" })), Err(Rejection::NotAnAccessToken));
    }

    #[test]
    fn token_without_declaration_is_rejected_for_claims_of_another_kind() {
        assert_eq!(kind(false, json!({ "sub": "a" })), Ok(()));
        for name in SIGNS_OF_OTHER_KINDS {
            assert_eq!(kind(false, json!({ name: null })), Err(Rejection::NotAnAccessToken), "{name}");
        }
    }

    #[test]
    fn sender_constrained_token_is_rejected_whatever_its_kind() {
        assert_eq!(kind(true, json!({ "cnf": { "jkt": "x" } })), Err(Rejection::SenderConstrained));
        assert_eq!(kind(false, json!({ "cnf": null })), Err(Rejection::SenderConstrained));
    }
}
