//! Maps verified claims to scopes, roles and a profile.
//!
//! The token is already verified, so an unusable claim does not cause a refusal; it yields no value.

pub(crate) mod claim_mapping;
pub(crate) mod claim_path;
pub(crate) mod preset;
pub(crate) mod rule;
pub(crate) mod subject;
pub(crate) mod unusable_claims;

use super::{ClaimMapping, ClaimPath, Profile, Separator};
use crate::jose::unique_json::{Json, Object};
use subject::name;
use unusable_claims::UnusableClaim;

/// The delegated scopes that start with `prefix`, without it, unsorted and with duplicates. They come from the first of `paths` that is
/// present: a string split at U+0020 only (RFC 6749 section 3.3), or a list of strings.
pub(super) fn scopes<'a>(
    claims: &'a Object<'a>,
    paths: &[ClaimPath],
    prefix: &str,
) -> Result<Vec<&'a str>, UnusableClaim> {
    let ours = |scope: &'a str| scope.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    match paths.iter().find_map(|path| path.find(claims)).ok_or(UnusableClaim::Absent)? {
        Json::Text(text) => Ok(text.split(' ').filter_map(ours).collect()),
        Json::List(list) if list.iter().all(|scope| scope.as_str().is_some()) => {
            Ok(list.iter().filter_map(Json::as_str).filter_map(ours).collect())
        }
        _ => Err(UnusableClaim::Malformed),
    }
}

/// The role names at `path`: a list of strings, the member names of an object, a list of objects with a `name`, or a string. A string is
/// one name, unless a separator is configured: a group named `billing admin` must not give the role `admin`.
pub(super) fn roles<'a>(
    claims: &'a Object<'a>,
    path: &ClaimPath,
    separator: Option<Separator>,
) -> Result<Vec<&'a str>, UnusableClaim> {
    let value = path.find(claims).ok_or_else(|| absent_or_overage(claims, path.first_member()))?;
    let mut names: Vec<&str> = match value {
        Json::Text(text) => match separator {
            Some(separator) => separator.split(text).collect(),
            None => vec![text],
        },
        Json::Object(members) => members.names().collect(),
        Json::List(list) => list.iter().map(role_name).collect::<Option<_>>().ok_or(UnusableClaim::Malformed)?,
        _ => return Err(UnusableClaim::Malformed),
    };
    names.retain(|name| !name.is_empty());
    Ok(names)
}

/// The reason for which the claim `name` is not present. It is an overage if `_claim_names` lists it (a distributed claim), or if Entra
/// sets `hasgroups` because it omitted the groups without a reference.
pub(super) fn absent_or_overage(claims: &Object<'_>, name: &str) -> UnusableClaim {
    let is_distributed = claims.get("_claim_names").is_some_and(|names| names.step(name).is_some());
    let is_omitted = name == "groups" && claims.get("hasgroups").is_some_and(|flag| boolean(flag) == Some(true));
    if is_distributed || is_omitted { UnusableClaim::Overage } else { UnusableClaim::Absent }
}

fn role_name<'a>(entry: &'a Json<'_>) -> Option<&'a str> {
    let name = match entry {
        Json::Object(members) => members.get("name")?,
        text => text,
    };
    name.as_str()
}

/// The standard claims of OIDC Core section 5.1. A claim that is not a plain string of bounded length is omitted. The paths of the e-mail
/// address and of its verification flag are configurable.
pub(super) fn profile<'a>(claims: &'a Object<'_>, mapping: &ClaimMapping) -> Profile<'a> {
    let text = |claim: &str| claims.get(claim).and_then(name);
    Profile {
        display_name: text("name"),
        given_name: text("given_name"),
        family_name: text("family_name"),
        username: text("preferred_username"),
        email: mapping.email.find(claims).and_then(name),
        email_verified: mapping.email_verified.find(claims).and_then(boolean),
        locale: text("locale"),
    }
}

/// A boolean. Cognito and Apple send it as a string, Entra as a digit.
fn boolean(value: &Json<'_>) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Text(text) if text == "1" => Some(true),
        Json::Text(text) => text.parse().ok(),
        Json::Number(number) => number.as_u64().map(|number| number == 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::oidc::Preset;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn owned(names: Result<Vec<&str>, UnusableClaim>) -> Result<BTreeSet<String>, UnusableClaim> {
        names.map(|names| set(&names))
    }

    fn try_scopes(claims: Value, prefix: &str) -> Result<BTreeSet<String>, UnusableClaim> {
        owned(scopes(&Object::of(&claims), &Preset::Generic.mapping().scopes, prefix))
    }

    fn scopes_of(claims: Value, prefix: &str) -> BTreeSet<String> {
        try_scopes(claims, prefix).unwrap()
    }

    fn roles_of(claims: Value) -> Result<BTreeSet<String>, UnusableClaim> {
        owned(roles(&Object::of(&claims), &"roles".parse().unwrap(), None))
    }

    #[test]
    fn scopes_are_split_at_the_space_only() {
        assert_eq!(scopes_of(json!({ "scope": "a:read  b:read" }), ""), set(&["a:read", "b:read"]));
        assert_eq!(scopes_of(json!({ "scope": "a\tb c,d e\u{a0}f" }), ""), set(&["a\tb", "c,d", "e\u{a0}f"]));
        assert_eq!(scopes_of(json!({ "scp": ["a:read", "b c"] }), ""), set(&["a:read", "b c"]));
        assert_eq!(scopes_of(json!({ "scope": "a", "scp": "b" }), ""), set(&["a"]));
    }

    #[test]
    fn scopes_without_the_prefix_are_ignored() {
        assert_eq!(scopes_of(json!({ "scope": "api/a:read a:write api/ API/b:read" }), "api/"), set(&["a:read"]));
    }

    #[test]
    fn malformed_scopes_grant_nothing() {
        for scope in [json!(null), json!(1), json!({ "a": 1 }), json!(["a", 1]), json!([["a"]])] {
            assert_eq!(try_scopes(json!({ "scope": scope, "scp": "a" }), ""), Err(UnusableClaim::Malformed), "{scope}");
        }
        assert_eq!(try_scopes(json!({}), ""), Err(UnusableClaim::Absent));
        assert_eq!(try_scopes(json!({ "scope": "", "scp": "a" }), ""), Ok(set(&[])));
    }

    #[test]
    fn string_is_one_role_name_unless_a_separator_is_configured() {
        let roles_of = |text: &str, separator| {
            let claims = json!({ "roles": text });
            owned(roles(&Object::of(&claims), &"roles".parse().unwrap(), separator)).unwrap()
        };
        assert_eq!(roles_of("billing admin", None), set(&["billing admin"]));
        assert_eq!(roles_of("a,admin", None), set(&["a,admin"]));
        assert_eq!(roles_of("a  b,c", Some(Separator::Space)), set(&["a", "b,c"]));
        assert_eq!(roles_of("a, b c,", Some(Separator::Comma)), set(&["a", "b c"]));
        assert_eq!(roles_of("a;b ; c", Some(Separator::Semicolon)), set(&["a", "b", "c"]));
        assert_eq!(roles_of("a|b", Some(Separator::Pipe)), set(&["a", "b"]));
    }

    #[test]
    fn roles_are_read_from_lists_objects_and_lists_of_objects() {
        for shape in
            [json!(["a", "b"]), json!({ "a": {}, "b": null }), json!([{ "name": "a" }, { "name": "b", "id": 1 }])]
        {
            assert_eq!(roles_of(json!({ "roles": shape })), Ok(set(&["a", "b"])), "{shape}");
        }
        assert_eq!(roles_of(json!({ "roles": [] })), Ok(set(&[])));
        assert_eq!(roles_of(json!({ "roles": "" })), Ok(set(&[])));
    }

    #[test]
    fn unusable_role_claim_yields_the_reason() {
        for shape in [
            json!(null),
            json!(1),
            json!(true),
            json!(["a", 1]),
            json!(["a", null]),
            json!([{ "id": "a" }]),
            json!([["a"]]),
        ] {
            assert_eq!(roles_of(json!({ "roles": shape })), Err(UnusableClaim::Malformed), "{shape}");
        }
        assert_eq!(roles_of(json!({})), Err(UnusableClaim::Absent));
        assert_eq!(roles_of(json!({ "_claim_names": { "roles": "src1" } })), Err(UnusableClaim::Overage));
        assert_eq!(roles_of(json!({ "_claim_names": { "groups": "src1" } })), Err(UnusableClaim::Absent));
        assert_eq!(roles_of(json!({ "hasgroups": true })), Err(UnusableClaim::Absent));
    }

    #[test]
    fn groups_omitted_without_a_reference_are_an_overage() {
        let groups = |claims: Value| owned(roles(&Object::of(&claims), &ClaimPath::member("groups"), None));
        assert_eq!(groups(json!({ "hasgroups": true })), Err(UnusableClaim::Overage));
        assert_eq!(groups(json!({ "hasgroups": "true" })), Err(UnusableClaim::Overage));
        assert_eq!(groups(json!({ "hasgroups": false })), Err(UnusableClaim::Absent));
    }

    #[test]
    fn profile_contains_only_plain_strings() {
        let claims = json!({ "name": "Alice", "given_name": 1, "family_name": "", "email": "a\nb", "email_verified": "true", "locale": "x".repeat(300) });
        let claims = Object::of(&claims);
        let profile = profile(&claims, &Preset::Generic.mapping());
        assert!(profile == Profile { display_name: Some("Alice"), email_verified: Some(true), ..Profile::default() });
    }
}
