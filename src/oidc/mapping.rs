//! What proved claims mean here: scopes, roles and the description of a person.
//!
//! By now the token is proved, so a claim that cannot be used does not refuse it; it gives nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::subject::name;
use super::{ClaimPath, Profile};

/// The delegated scopes that start with `prefix`, without it. `scope` (RFC 9068 section 2.2.3) or else `scp` (Entra, Okta): a text
/// split at U+0020 only (RFC 6749 section 3.3), or a list of texts.
pub(super) fn scopes(claims: &Map<String, Value>, prefix: &str) -> BTreeSet<String> {
    let ours = |scope: &str| scope.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(str::to_owned);
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(text)) => text.split(' ').filter_map(ours).collect(),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).filter_map(ours).collect()
        }
        Some(_) => {
            tracing::debug!("the scopes of a token are malformed and grant nothing");
            BTreeSet::new()
        }
        None => BTreeSet::new(),
    }
}

/// Why a token's role claim gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoles {
    Absent,
    Malformed,
    /// The issuer left the claim out because it would be too long, and names a place to ask instead (Entra's group overage;
    /// OIDC Core section 5.6.2).
    CutOff,
}

/// The role names at `path`: a list of texts, a text with spaces or commas between, an object whose member names they are, or a
/// list of objects with a `name`.
pub(super) fn roles(claims: &Map<String, Value>, path: &ClaimPath) -> Result<BTreeSet<String>, NoRoles> {
    let Some(value) = path.find(claims) else {
        let elsewhere = claims.get("_claim_names").and_then(|names| names.get(path.first_member()));
        return Err(if elsewhere.is_some() { NoRoles::CutOff } else { NoRoles::Absent });
    };
    let names = match value {
        Value::String(text) => text.split([' ', ',']).map(str::to_owned).collect(),
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(list) => list.iter().map(role_name).collect::<Option<_>>().ok_or(NoRoles::Malformed)?,
        _ => return Err(NoRoles::Malformed),
    };
    Ok(without_blank(names))
}

fn role_name(entry: &Value) -> Option<String> {
    let name = match entry {
        Value::Object(members) => members.get("name")?,
        text => text,
    };
    name.as_str().map(str::to_owned)
}

fn without_blank(mut names: BTreeSet<String>) -> BTreeSet<String> {
    names.remove("");
    names
}

/// The standard claims of OIDC Core section 5.1. One that is not a plain text of bounded length is left out.
pub(super) fn profile(claims: &Map<String, Value>) -> Profile {
    let text = |member: &str| claims.get(member).and_then(name).map(str::to_owned);
    Profile {
        display_name: text("name"),
        given_name: text("given_name"),
        family_name: text("family_name"),
        username: text("preferred_username"),
        email: text("email"),
        email_verified: claims.get("email_verified").and_then(truth),
        locale: text("locale"),
    }
}

/// A boolean, which Cognito and Apple write as a text.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn scopes_of(claims: Value, prefix: &str) -> BTreeSet<String> {
        scopes(claims.as_object().unwrap(), prefix)
    }

    fn roles_of(claims: Value) -> Result<BTreeSet<String>, NoRoles> {
        roles(claims.as_object().unwrap(), &"roles".parse().unwrap())
    }

    #[test]
    fn scopes_are_split_at_the_space_only() {
        assert_eq!(scopes_of(json!({ "scope": "a:read  b:read" }), ""), set(&["a:read", "b:read"]));
        assert_eq!(scopes_of(json!({ "scope": "a\tb c,d e\u{a0}f" }), ""), set(&["a\tb", "c,d", "e\u{a0}f"]));
        assert_eq!(scopes_of(json!({ "scp": ["a:read", "b c"] }), ""), set(&["a:read", "b c"]));
        assert_eq!(scopes_of(json!({ "scope": "a", "scp": "b" }), ""), set(&["a"]));
    }

    #[test]
    fn scopes_without_the_prefix_are_not_ours() {
        assert_eq!(scopes_of(json!({ "scope": "api/a:read a:write api/ API/b:read" }), "api/"), set(&["a:read"]));
    }

    #[test]
    fn malformed_scopes_grant_nothing() {
        for scope in [json!(null), json!(1), json!({ "a": 1 }), json!(["a", 1]), json!([["a"]]), json!("")] {
            assert_eq!(scopes_of(json!({ "scope": scope, "scp": "a" }), ""), set(&[]), "{scope}");
        }
        assert_eq!(scopes_of(json!({}), ""), set(&[]));
    }

    #[test]
    fn roles_come_in_four_shapes() {
        for shape in [
            json!(["a", "b"]),
            json!("a b"),
            json!("a, b"),
            json!({ "a": {}, "b": null }),
            json!([{ "name": "a" }, { "name": "b", "id": 1 }]),
        ] {
            assert_eq!(roles_of(json!({ "roles": shape })), Ok(set(&["a", "b"])), "{shape}");
        }
        assert_eq!(roles_of(json!({ "roles": [] })), Ok(set(&[])));
        assert_eq!(roles_of(json!({ "roles": "" })), Ok(set(&[])));
    }

    #[test]
    fn an_unusable_role_claim_gives_nothing_and_says_why() {
        for shape in [
            json!(null),
            json!(1),
            json!(true),
            json!(["a", 1]),
            json!(["a", null]),
            json!([{ "id": "a" }]),
            json!([["a"]]),
        ] {
            assert_eq!(roles_of(json!({ "roles": shape })), Err(NoRoles::Malformed), "{shape}");
        }
        assert_eq!(roles_of(json!({})), Err(NoRoles::Absent));
        assert_eq!(roles_of(json!({ "_claim_names": { "roles": "src1" } })), Err(NoRoles::CutOff));
        assert_eq!(roles_of(json!({ "_claim_names": { "groups": "src1" } })), Err(NoRoles::Absent));
    }

    #[test]
    fn a_profile_holds_plain_texts_only() {
        let claims = json!({ "name": "Alice", "given_name": 1, "family_name": "", "email": "a\nb", "email_verified": "true", "locale": "x".repeat(300) });
        let profile = profile(claims.as_object().unwrap());
        assert!(
            profile == Profile { display_name: Some("Alice".into()), email_verified: Some(true), ..Profile::default() }
        );
    }
}
