//! Introspection responses (RFC 7662 section 2.2, RFC 9701 section 5): plain JSON, or a JWT signed by the issuer.

use std::collections::BTreeSet;

use crate::jose::Algorithm;
use crate::jose::compact::UnverifiedToken;
use crate::jose::fault::FormFault;
use crate::jose::header::UnverifiedHeader;
use crate::jose::unique_json::{self, Json, Object};
use crate::oidc::KeySet;
use crate::oidc::verification::{audience, validity};
use chrono::{DateTime, TimeDelta, Utc};

/// The media type of a signed response (RFC 9701 section 10), without `application/`.
const SIGNED_TYPE: &str = "token-introspection+jwt";
/// The maximum difference between `iat` of a signed response and the current time.
const FRESHNESS: TimeDelta = TimeDelta::seconds(60);

/// The expected values and keys of a signed response.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    /// The client that sent the request.
    pub(super) client_id: &'a str,
    pub(super) algorithms: &'a [Algorithm],
    pub(super) keys: &'a KeySet,
    pub(super) now: DateTime<Utc>,
}

/// The reason why a response is rejected. The texts are for the operator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAnswer {
    #[error("the response is not one JSON object with a boolean `active`")]
    NotAnAnswer,
    #[error("the response is neither application/json nor application/token-introspection+jwt")]
    OtherMediaType,
    #[error("the signed response is not a signed JWT of type token-introspection+jwt with an allowed algorithm")]
    NotASignedAnswer,
    #[error("no key of the issuer verifies the signed response")]
    BadSignature,
    #[error("the signed response has another issuer or audience, or was not issued within the last minute")]
    NotForUs,
}

/// Parses a response. Returns its members if the token is active, `None` if it is not.
pub(super) async fn read(
    media_type: &str,
    body: &[u8],
    expected: &Expected<'_>,
) -> Result<Option<Object<'static>>, BadAnswer> {
    let mut members = if is(media_type, "json") {
        unique_json::parse_object(body).ok_or(BadAnswer::NotAnAnswer)?.into_owned()
    } else if is(media_type, SIGNED_TYPE) {
        verify(body, expected).await?
    } else {
        return Err(BadAnswer::OtherMediaType);
    };
    match members.remove("active") {
        Some(Json::Bool(true)) => Ok(Some(members)),
        Some(Json::Bool(false)) => Ok(None),
        _ => Err(BadAnswer::NotAnAnswer),
    }
}

/// Returns whether a media type, without its parameters, is `application/<subtype>`; case-insensitive (RFC 9110 section 8.3.1).
fn is(media_type: &str, subtype: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence
        .split_once('/')
        .is_some_and(|(kind, rest)| kind.eq_ignore_ascii_case("application") && rest.eq_ignore_ascii_case(subtype))
}

/// Verifies a signed response (RFC 9701 section 5) and returns its `token_introspection` object.
async fn verify(body: &[u8], expected: &Expected<'_>) -> Result<Object<'static>, BadAnswer> {
    let text = std::str::from_utf8(body).map_err(|_| BadAnswer::NotASignedAnswer)?;
    let token = UnverifiedToken::split(text.trim()).map_err(|_| BadAnswer::NotASignedAnswer)?;
    let header = read_header(&token).ok_or(BadAnswer::NotASignedAnswer)?;
    if !expected.algorithms.contains(&header.algorithm) {
        return Err(BadAnswer::NotASignedAnswer);
    }
    let signature = token.signature().map_err(|_| BadAnswer::NotASignedAnswer)?;
    let key =
        expected.keys.find(header.key_id.as_deref(), header.algorithm).await.map_err(|_| BadAnswer::BadSignature)?;
    if !key.verifies(token.signed_text, &signature) {
        return Err(BadAnswer::BadSignature);
    }
    let payload = token.payload().map_err(|_| BadAnswer::NotAnAnswer)?;
    let mut claims = payload.claims().map_err(|_| BadAnswer::NotAnAnswer)?;
    if !is_for_us(&claims, expected) {
        return Err(BadAnswer::NotForUs);
    }
    match claims.remove("token_introspection") {
        Some(Json::Object(members)) => Ok(members.into_owned()),
        _ => Err(BadAnswer::NotAnAnswer),
    }
}

/// Returns the header if its `typ` is that of a response: a token cannot stand in for a response, nor the reverse (RFC 9701 section 8.1).
fn read_header(token: &UnverifiedToken<'_>) -> Option<UnverifiedHeader> {
    let header = token.read_header(|mut members| {
        let typ = members.remove("typ");
        let typ = typ.as_ref().and_then(Json::as_str).unwrap_or_default();
        let name = typ.strip_prefix("application/").unwrap_or(typ);
        if name.eq_ignore_ascii_case(SIGNED_TYPE) { UnverifiedHeader::read(members) } else { Err(FormFault::WrongType) }
    });
    header.ok()
}

fn is_for_us(claims: &Object<'_>, expected: &Expected<'_>) -> bool {
    let issued_at = validity::time(claims, "iat").ok().flatten();
    let is_fresh = issued_at.is_some_and(|time| (expected.now - time).abs() <= FRESHNESS);
    let is_from_issuer = claims.get("iss").and_then(Json::as_str) == Some(expected.issuer);
    is_fresh && is_from_issuer && audience::check(claims, &[expected.client_id.to_owned()], &BTreeSet::new()).is_ok()
}
