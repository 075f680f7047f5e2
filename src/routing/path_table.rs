//! The table of registered paths, which finds the resource of a request.
//!
//! `matchit` finds the path: a literal segment takes precedence over a parameter, and a parameter over a tail. Actix's `ResourceDef` then
//! checks the expression of a parameter and extracts the parameters, so extractors work as usual.

use actix_web::dev::{ResourceDef, ServiceRequest};

/// The registered paths, each with its index.
pub(super) struct PathTable(matchit::Router<Entry>);

#[derive(Clone)]
struct Entry {
    index: usize,
    /// `None` for a path without parameters.
    definition: Option<ResourceDef>,
}

impl PathTable {
    /// Creates the table. The index of a path is its position in `paths`. Fails with the position and the reason if a path is malformed or
    /// matches the same requests as an earlier one.
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, String)> {
        let (mut table, mut roots) = (matchit::Router::new(), Vec::new());
        for (index, path) in paths.into_iter().enumerate() {
            let entry = Entry { index, definition: path.contains('{').then(|| ResourceDef::new(path)) };
            if let Some((root, _)) = path.rsplit_once('{').filter(|(_, last)| is_tail(last)) {
                roots.push((root.to_owned(), entry.clone()));
            }
            table.insert(matchit_path(path), entry).map_err(|error| (index, error.to_string()))?;
        }
        for (root, entry) in roots {
            // A tail may be empty, which matchit does not match. A literal route of this path takes precedence.
            let _ = table.insert(root, entry);
        }
        Ok(Self(table))
    }

    /// Returns the index of the request's path, and adds its parameters to the request.
    pub(super) fn find(&self, request: &mut ServiceRequest) -> Option<usize> {
        let Entry { index, definition } = self.0.at(request.match_info().as_str()).ok()?.value;
        let is_match = definition.as_ref().is_none_or(|definition| definition.capture_match_info(request));
        is_match.then_some(*index)
    }
}

/// Returns the path in matchit's syntax, in which a parameter has no expression.
fn matchit_path(path: &str) -> String {
    let last = path.rsplit('/').next();
    let segments =
        path.split('/').map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.split_once(['}', ':'])) {
            Some((name, rest)) if is_tail(segment) && Some(segment) == last && !rest.is_empty() => {
                format!("{{*{name}}}")
            }
            Some((name, _)) if segment.contains(':') => format!("{{{name}}}"),
            _ => segment.to_owned(),
        });
    segments.collect::<Vec<_>>().join("/")
}

/// Whether a parameter may contain slashes: it has an expression, or is Actix's `{tail}*`.
fn is_tail(parameter: &str) -> bool {
    parameter.contains(':') || parameter.ends_with('*')
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn found(paths: &[&str], path: &str) -> Option<usize> {
        let table = PathTable::new(paths.iter().copied()).unwrap();
        table.find(&mut TestRequest::with_uri(path).to_srv_request())
    }

    #[test]
    fn literal_path_takes_precedence_over_a_parameter_and_a_parameter_over_a_tail() {
        let paths = ["/users/{all:.*}", "/users/{id}", "/users/{id}/roles", "/users/me", "/users"];
        for (path, expected) in [
            ("/users", Some(4)),
            ("/users/me", Some(3)),
            ("/users/a.b-c", Some(1)),
            ("/users/a/roles", Some(2)),
            ("/users/me/roles", Some(2)),
            ("/users/a/b/c", Some(0)),
            ("/users/", Some(0)),
            ("/user", None),
        ] {
            assert_eq!(found(&paths, path), expected, "{path}");
        }
    }

    #[test]
    fn tail_matches_what_actix_matches() {
        for pattern in ["/docs/{file:.*}", "/docs/{file}*", "/notes/{number:[0-9]+}", "/a/{b}/c/{d}"] {
            for path in [
                "/docs/",
                "/docs",
                "/docs/a",
                "/docs/a/b",
                "/notes/12",
                "/notes/x",
                "/notes/1/2",
                "/a/b/c/d",
                "/a//c/d",
            ] {
                let expected = ResourceDef::new(pattern).is_match(path).then_some(0);
                assert_eq!(found(&[pattern], path), expected, "{pattern} {path}");
            }
        }
    }

    #[test]
    fn parameters_are_added_to_the_request() {
        let table = PathTable::new(["/users/{id}/roles/{role:[a-z]+}"]).unwrap();
        let mut request = TestRequest::with_uri("/users/7/roles/admin").to_srv_request();
        assert_eq!(table.find(&mut request), Some(0));
        assert_eq!((request.match_info().get("id"), request.match_info().get("role")), (Some("7"), Some("admin")));
    }

    #[test]
    fn paths_that_match_the_same_requests_are_reported() {
        assert!(PathTable::new(["/users/{id}", "/users/{user}"]).is_err_and(|(index, _)| index == 1));
    }
}
