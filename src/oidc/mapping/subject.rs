//! The subject of a token: a user or a service account.

use std::fmt;

use crate::jose::unique_json::{Json, Object};
use crate::oidc::{ClaimMapping, Rejection, SubjectKind};
use crate::text::name::is_line;

/// The subject of a token and the client that obtained it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: SubjectKind,
    /// The subject's name at the issuer; for a service account, its client id.
    pub(crate) name: &'a str,
    pub(crate) client_id: Option<&'a str>,
}

/// Omits the names, which are claims.
impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<'a> Subject<'a> {
    /// Reads the subject and the client from the configured claims.
    ///
    /// The subject is a service account only if the issuer's matcher matches and a client id is present, which becomes its name (RFC 9068
    /// section 5). Otherwise it is a user.
    pub(crate) fn read(claims: &'a Object<'a>, mapping: &ClaimMapping) -> Result<Self, Rejection> {
        let client = mapping.client_id.iter().find_map(|path| path.find(claims));
        let client_id = client.map(|value| name(value).ok_or(Rejection::BadClient)).transpose()?;
        let subject = mapping.subject.find(claims).map(|value| name(value).ok_or(Rejection::BadSubject)).transpose()?;
        let (kind, name) = match client_id.filter(|client| mapping.machine_matcher.matches(claims, client)) {
            Some(client) => (SubjectKind::Machine, client),
            None => (SubjectKind::Human, subject.ok_or(Rejection::BadSubject)?),
        };
        Ok(Self { kind, name, client_id })
    }
}

/// The value as a name: a string that is not empty, not too long and without control characters.
pub(crate) fn name<'a>(value: &'a Json<'_>) -> Option<&'a str> {
    value.as_str().filter(|text| is_line(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::oidc::Preset;

    fn read(claims: Value) -> Result<(SubjectKind, String), Rejection> {
        Subject::read(&Object::of(&claims), &Preset::Generic.mapping())
            .map(|subject| (subject.kind, subject.name.to_owned()))
    }

    #[test]
    fn service_account_is_identified_only_by_a_positive_match() {
        for client in ["azp", "client_id", "appid", "cid"] {
            assert_eq!(read(json!({ "sub": "c", client: "c" })), Ok((SubjectKind::Machine, "c".into())), "{client}");
            assert_eq!(read(json!({ client: "c" })), Ok((SubjectKind::Machine, "c".into())), "{client}");
            assert_eq!(read(json!({ "sub": "p", client: "c" })), Ok((SubjectKind::Human, "p".into())), "{client}");
        }
        assert_eq!(read(json!({ "sub": "c" })), Ok((SubjectKind::Human, "c".into())));
    }

    #[test]
    fn first_client_claim_is_used() {
        let claims = json!({ "sub": "p", "cid": "4", "client_id": "2", "azp": "1" });
        let claims = Object::of(&claims);
        let subject = Subject::read(&claims, &Preset::Generic.mapping()).unwrap();
        assert_eq!(subject.client_id, Some("1"));
    }

    #[test]
    fn subject_and_client_must_be_valid_names() {
        let (longest, too_long) = ("é".repeat(255), "é".repeat(256));
        assert_eq!(read(json!({ "sub": longest })), Ok((SubjectKind::Human, longest)));
        for wrong in [
            json!(null),
            json!(""),
            json!(1),
            json!(["a"]),
            json!("a\nb"),
            json!("\u{0}"),
            json!("a\u{7f}"),
            json!("\u{85}"),
            json!(too_long),
        ] {
            assert_eq!(read(json!({ "sub": wrong, "azp": "c" })), Err(Rejection::BadSubject), "{wrong}");
            assert_eq!(
                read(json!({ "sub": "p", "azp": wrong, "client_id": "c" })),
                Err(Rejection::BadClient),
                "{wrong}"
            );
        }
        assert_eq!(read(json!({})), Err(Rejection::BadSubject));
    }
}
