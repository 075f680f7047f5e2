//! `If-Match`: which version a change is meant for (RFC 9110 section 13.1.1).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{EntityTag, Header, IfMatch, IfNoneMatch};
use actix_web::{FromRequest, HttpRequest};

use crate::error::Error;
use crate::services::KnownVersion;

/// The version named by `If-Match`; `None` where the field is absent or `*`, which any version meets.
pub(super) struct ExpectedVersion(pub(super) Option<i64>);

/// As [`ExpectedVersion`], where the field must be there: without it, a change could undo somebody else's unseen (RFC 6585 section 3).
pub(super) struct RequiredVersion(pub(super) Option<i64>);

/// What a PUT says of the resource that it writes: that there is none (`If-None-Match: *`), or one (`If-Match`). One must be said.
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
        (Some(_), true) => refusal("`If-Match` and `If-None-Match` exclude each other."),
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

/// Outer `None`: no field. Inner `None`: any version will do.
fn expected(request: &HttpRequest) -> Result<Option<Option<i64>>, Error> {
    if !request.headers().contains_key(IfMatch::name()) {
        return Ok(None);
    }
    match IfMatch::parse(request) {
        Ok(IfMatch::Any) => Ok(Some(None)),
        // Our tags are strong and one version has one tag, so a list that names another too is as good as its first.
        Ok(IfMatch::Items(tags)) => Ok(Some(Some(tags.iter().find_map(version).unwrap_or(NO_VERSION)))),
        Err(_) => Err(Error::InvalidParameter("`If-Match` must be an ETag of this resource, or `*`.".to_owned())),
    }
}

/// What a tag that is none of ours stands for: no resource has this version.
const NO_VERSION: i64 = -1;

/// Compared strongly: a weak tag never matches (RFC 9110 section 13.1.1).
fn version(tag: &EntityTag) -> Option<i64> {
    if tag.weak { None } else { tag.tag().parse().ok() }
}
