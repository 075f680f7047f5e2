//! `If-Match` and `If-None-Match`: the version that a change applies to (RFC 9110 section 13.1.1).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{EntityTag, Header, IfMatch, IfNoneMatch};
use actix_web::{FromRequest, HttpRequest};

use crate::error::Error;
use crate::services::KnownVersion;

/// The version in `If-Match`; `None` for any version, if the field is absent or `*`.
pub(super) struct ExpectedVersion(pub(super) Option<i64>);

/// Like [`ExpectedVersion`], but the field is required, so that a change cannot overwrite a concurrent one (RFC 6585 section 3).
pub(super) struct RequiredVersion(pub(super) Option<i64>);

/// The precondition of a PUT: the resource is absent (`If-None-Match: *`) or exists (`If-Match`). One of the two is required.
pub(super) struct PutCondition(pub(super) KnownVersion);

impl FromRequest for PutCondition {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known_version(request).map(Self))
    }
}

fn known_version(request: &HttpRequest) -> Result<KnownVersion, Error> {
    let refusal = |sentence: &str| Err(Error::InvalidParameter(sentence.to_owned()));
    match (expected(request)?, request.headers().contains_key(IfNoneMatch::name())) {
        (Some(version), false) => Ok(version.map_or(KnownVersion::Any, KnownVersion::Is)),
        (None, true) => match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => Ok(KnownVersion::Absent),
            _ => refusal("`If-None-Match` must be `*`."),
        },
        (Some(_), true) => refusal("Send either `If-Match` or `If-None-Match`, not both."),
        (None, false) => Err(Error::PreconditionRequired),
    }
}

impl FromRequest for ExpectedVersion {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(expected(request).map(|expected| Self(expected.flatten())))
    }
}

impl FromRequest for RequiredVersion {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(expected(request).and_then(|expected| expected.map(Self).ok_or(Error::PreconditionRequired)))
    }
}

/// Returns the outer `None` if the field is absent, and the inner `None` for any version.
fn expected(request: &HttpRequest) -> Result<Option<Option<i64>>, Error> {
    if !request.headers().contains_key(IfMatch::name()) {
        return Ok(None);
    }
    match IfMatch::parse(request) {
        Ok(IfMatch::Any) => Ok(Some(None)),
        // A version has exactly one strong tag, so the first tag of the list that can be ours decides.
        Ok(IfMatch::Items(tags)) => Ok(Some(Some(tags.iter().find_map(version).unwrap_or(NO_VERSION)))),
        Err(_) => Err(Error::InvalidParameter("`If-Match` must be the `ETag` of the resource, or `*`.".to_owned())),
    }
}

/// The version for a foreign tag: no resource has it.
const NO_VERSION: i64 = -1;

/// Returns the version of a tag. The comparison is strong: a weak tag never matches (RFC 9110 section 13.1.1).
fn version(tag: &EntityTag) -> Option<i64> {
    if tag.weak { None } else { tag.tag().parse().ok() }
}
