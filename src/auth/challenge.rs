//! The `WWW-Authenticate` challenge (RFC 6750 section 3, RFC 9728 section 5.1).

use std::fmt;

use actix_web::http::header::{HeaderValue, InvalidHeaderValue, TryIntoHeaderValue};
use actix_web::web::Bytes;
use actix_web_httpauth::headers::www_authenticate::{Challenge, bearer};

use super::resource::ProtectedResource;
use crate::error::{Error, problem};
use crate::services::Failure;

/// A `Bearer` challenge. `actix_web_httpauth` has one too, but joins its parameters without commas (RFC 9110 section 11.2). It contains nothing from a token or a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BearerChallenge {
    error: Option<(bearer::Error, String)>,
    scope: Option<String>,
    resource_metadata: String,
}

impl BearerChallenge {
    /// Returns the challenge without an error code, for a request without a credential.
    fn bare(resource_metadata: &str) -> Self {
        Self { error: None, scope: None, resource_metadata: resource_metadata.to_owned() }
    }

    /// Adds the error code and a description for the client's developer.
    fn with_error(self, code: bearer::Error, description: &str) -> Self {
        Self { error: Some((code, description.to_owned())), ..self }
    }

    /// Adds the scope to request, in the spelling of the issuer.
    fn with_scope(self, scope: String) -> Self {
        Self { scope: Some(scope), ..self }
    }
}

/// Returns the challenge for a refusal, or `None` if no other credential would help: a missing role, an unknown account, an outage.
pub(crate) fn of(error: &Error, resource: &ProtectedResource) -> Option<BearerChallenge> {
    let bare = BearerChallenge::bare(resource.metadata_url());
    match error {
        // No error code for an ended session: the request had no token that could be wrong.
        Error::MissingToken | Error::Refused(Failure::SessionEnded) => Some(bare),
        Error::MalformedCredential(_) => Some(bare.with_error(bearer::Error::InvalidRequest, &error.detail())),
        Error::MissingScope { scope, .. } => {
            Some(bare.with_error(bearer::Error::InsufficientScope, &error.detail()).with_scope(scope.clone()))
        }
        Error::Refused(Failure::InsufficientScope { spelled, .. }) => {
            Some(bare.with_error(bearer::Error::InsufficientScope, &error.detail()).with_scope(spelled.join(" ")))
        }
        _ if error.problem() == problem::INVALID_TOKEN => {
            Some(bare.with_error(bearer::Error::InvalidToken, &error.detail()))
        }
        _ => None,
    }
}

impl fmt::Display for BearerChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer ")?;
        if let Some((code, description)) = &self.error {
            let description = Quotable(description);
            write!(f, "error=\"{}\", error_description=\"{description}\", ", code)?;
        }
        if let Some(scope) = &self.scope {
            write!(f, "scope=\"{}\", ", Quotable(scope))?;
        }
        write!(f, "resource_metadata=\"{}\"", Quotable(&self.resource_metadata))
    }
}

/// A text reduced to the characters that RFC 6750 section 3 allows in `error_description` and `scope`. It cannot end the quoted string.
struct Quotable<'a>(&'a str);

impl fmt::Display for Quotable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = |c: &char| matches!(c, '\x20'..='\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
        self.0.chars().filter(allowed).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl TryIntoHeaderValue for BearerChallenge {
    type Error = InvalidHeaderValue;

    fn try_into_value(self) -> Result<HeaderValue, Self::Error> {
        HeaderValue::from_maybe_shared(self.to_bytes())
    }
}

impl Challenge for BearerChallenge {
    fn to_bytes(&self) -> Bytes {
        Bytes::from(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "https://api.example.com/.well-known/oauth-protected-resource";

    #[test]
    fn bare_challenge_has_the_metadata_url_and_no_error() {
        let challenge = BearerChallenge::bare(METADATA).to_string();
        assert_eq!(challenge, format!("Bearer resource_metadata=\"{METADATA}\""));
    }

    #[test]
    fn challenge_with_error_has_its_description_and_the_scope() {
        let challenge = BearerChallenge::bare(METADATA)
            .with_error(bearer::Error::InsufficientScope, "Ask for it.")
            .with_scope("api/users:read".to_owned());
        assert_eq!(
            challenge.to_string(),
            format!(
                "Bearer error=\"insufficient_scope\", error_description=\"Ask for it.\", scope=\"api/users:read\", \
                 resource_metadata=\"{METADATA}\""
            )
        );
    }

    #[test]
    fn text_cannot_end_its_quotes() {
        let challenge = BearerChallenge::bare(METADATA).with_scope("a\", error=\"b\\\r\nc".to_owned());
        assert!(challenge.to_string().starts_with("Bearer scope=\"a, error=bc\", "));
        assert!(challenge.try_into_value().is_ok());
    }
}
