//! The path of a claim: a literal member name, or a JSON Pointer (RFC 6901).

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::jose::unique_json::{Json, Object};

/// The path of a claim.
///
/// A text that starts with `/` is a JSON Pointer (`/realm_access/roles`); any other text is a literal member name, so that names with
/// dots and URLs (`https://example.com/roles`) need no escaping. A pointer writes `/` in a name as `~1` and `~` as `~0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(PathSteps);

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathSteps {
    Member(String),
    Nested { first: String, rest: Vec<String> },
}

impl ClaimPath {
    /// The path of a top-level member.
    pub(crate) fn member(name: &str) -> Self {
        Self(PathSteps::Member(name.to_owned()))
    }

    /// Parses a JSON Pointer; a text without a leading slash is a literal member name.
    pub(crate) fn pointer(text: &str) -> Self {
        let Some(pointer) = text.strip_prefix('/') else {
            return Self::member(text);
        };
        // RFC 6901 section 4: `~1` first, so that `~01` becomes `~1` and not `/`.
        let mut steps = pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
        Self(PathSteps::Nested { first: steps.next().unwrap_or_default(), rest: steps.collect() })
    }

    /// The claim at this path; `None` if any step is absent.
    pub(crate) fn find<'a>(&self, claims: &'a Object<'a>) -> Option<&'a Json<'a>> {
        match &self.0 {
            PathSteps::Member(name) => claims.get(name),
            PathSteps::Nested { first, rest } => {
                rest.iter().try_fold(claims.get(first)?, |value, step| value.step(step))
            }
        }
    }

    /// The name of the top-level member on the path.
    pub(crate) fn first_member(&self) -> &str {
        match &self.0 {
            PathSteps::Member(name) | PathSteps::Nested { first: name, .. } => name,
        }
    }
}

impl FromStr for ClaimPath {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::pointer(text))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            PathSteps::Member(name) => f.write_str(name),
            PathSteps::Nested { first, rest } => {
                let mut steps = [first].into_iter().chain(rest);
                steps.try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn find(path: &str, claims: &Value) -> Option<Value> {
        let path: ClaimPath = path.parse().unwrap();
        path.find(&Object::of(claims)).map(|value| serde_json::to_value(value).unwrap())
    }

    #[test]
    fn plain_name_is_a_literal_member_name() {
        let claims = json!({ "roles": [1], "https://example.com/roles": [2], "a.b": [3], "a": { "b": [4] } });
        assert_eq!(find("roles", &claims), Some(json!([1])));
        assert_eq!(find("https://example.com/roles", &claims), Some(json!([2])));
        assert_eq!(find("a.b", &claims), Some(json!([3])));
    }

    #[test]
    fn pointer_descends_and_unescapes() {
        let claims =
            json!({ "realm_access": { "roles": ["r"] }, "a/b": { "~": [{ "c": 1 }] }, "~1": 2, "": { "": 3 } });
        assert_eq!(find("/realm_access/roles", &claims), Some(json!(["r"])));
        assert_eq!(find("/a~1b/~0/0/c", &claims), Some(json!(1)));
        assert_eq!(find("/~01", &claims), Some(json!(2)));
        assert_eq!(find("//", &claims), Some(json!(3)));
        assert_eq!(find("/realm_access/groups", &claims), None);
        assert_eq!(find("/nothing/roles", &claims), None);
        assert_eq!(find("/a~1b/~0/00/c", &claims), None, "an index has no leading zeros");
    }

    #[test]
    fn first_member_is_unescaped() {
        assert_eq!("/a~1b/c".parse::<ClaimPath>().unwrap().first_member(), "a/b");
        assert_eq!("a/b".parse::<ClaimPath>().unwrap().first_member(), "a/b");
    }

    #[test]
    fn path_displays_as_it_was_written() {
        for text in ["/realm_access/roles", "/a~1b/~0/0/c", "/~01", "//", "/", "roles"] {
            assert_eq!(text.parse::<ClaimPath>().unwrap().to_string(), text);
        }
    }
}
