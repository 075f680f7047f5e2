//! Client authentication at the token endpoint (RFC 6749 section 2.3.1).

use actix_web::http::header::{self, HeaderMap};
use base64::prelude::{BASE64_STANDARD, Engine};
use url::form_urlencoded;

use super::refusal::Refusal;
use crate::dev::directory::Client;

/// The authenticated client. Credentials come in the header or in the form, not in both.
pub(super) fn authenticate(
    headers: &HeaderMap,
    form_id: Option<&str>,
    form_secret: Option<&str>,
) -> Result<Client, Refusal> {
    let (id, secret) = match (headers.get(header::AUTHORIZATION), form_id, form_secret) {
        (Some(_), _, Some(_)) => return Err(Refusal::request("the client is authenticated twice")),
        (Some(value), form_id, None) => {
            let (id, secret) = value
                .to_str()
                .ok()
                .and_then(basic_credentials)
                .ok_or(Refusal::client("the credentials are malformed"))?;
            if form_id.is_some_and(|form_id| form_id != id) {
                return Err(Refusal::request("two clients are named"));
            }
            (id, Some(secret))
        }
        (None, Some(id), secret) => (id.to_owned(), secret.map(str::to_owned)),
        (None, None, _) => return Err(Refusal::client("no client is named")),
    };
    Client::find(&id)
        .filter(|client| client.accepts_secret(secret.as_deref()))
        .ok_or(Refusal::client("the client is unknown or its secret is wrong"))
}

/// The id and the secret. Each is form-encoded before they are joined, so that either may contain a colon.
fn basic_credentials(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// One form-encoded value: a form with a single name and no value.
fn form_decoded(encoded: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(encoded.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((word, value)), None) if value.is_empty() => Some(word.into_owned()),
        (None, _) => Some(String::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(id_and_secret: &str) -> String {
        format!("basic {}", BASE64_STANDARD.encode(id_and_secret))
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let credentials = basic_credentials(&header("a%3Ab+c:%C3%A9%2B:d"));
        assert_eq!(credentials, Some(("a:b c".to_owned(), "é+:d".to_owned())));
    }

    #[test]
    fn malformed_basic_credentials_are_rejected() {
        for bad in ["", "Basic", "Basic !", "Bearer YTpi", &header("no colon"), &header("a=b:c"), &header("a&b:c")] {
            assert_eq!(basic_credentials(bad), None, "{bad}");
        }
    }
}
