//! Entry points into the parsers for the fuzz targets in `fuzz/`. They change without notice.
//!
//! Each function passes its input to the production code and returns plain values. Its documentation states the oracle, which the fuzz
//! target of the same name checks.

use std::net::IpAddr;

use actix_web::web::Query;
use serde::Deserialize;
use serde::de::value::StrDeserializer;

use crate::api_types::{Cursor, ListUsersQuery};
use crate::clock::Clock;
use crate::config::Config;
use crate::oidc::IssuerSettings;
use crate::{auth, cli, oidc, routes};

pub use crate::auth::fuzzing::{Guard, Refused};
pub use crate::oidc::fuzzing::{Admitted, Keys};
pub use crate::routes::fuzzing::Patch;

/// The token of a request with these `Authorization` fields; `None` without a bearer credential.
///
/// Oracle: a token is found exactly if the only field is `Bearer`, spaces and a `b64token`, and it equals that `b64token`.
///
/// # Errors
///
/// If the request is refused because of these fields.
pub fn authorization_header(fields: &[&[u8]]) -> Result<Option<String>, Refused> {
    auth::fuzzing::bearer_token(fields)
}

/// The client address of a request with this peer and these `X-Forwarded-For` fields.
///
/// Oracle: it is the peer's address unless the peer is trusted, and entries to the left of an untrusted address have no effect.
pub fn forwarded_for(trusted: &[&str], peer: IpAddr, fields: &[&[u8]]) -> Option<IpAddr> {
    auth::fuzzing::client_address(trusted, peer, fields)
}

/// The redirect target of a browser that requests `target`, for a service at `public_url`; `None` if it is refused.
///
/// Oracle: the origin of the result is allowed, both as parsed by the URL standard and as cut at the first slash.
pub fn return_to(public_url: &str, allowed: &[String], target: &str) -> Option<String> {
    auth::fuzzing::destination(public_url, allowed, target)
}

/// The session cookie of an https request with these `Cookie` fields.
///
/// Oracle: a value is found only if exactly one pair has the name `__Host-session`, compared octet by octet.
///
/// # Errors
///
/// If the request is refused because of these fields.
pub fn cookies(fields: &[&[u8]]) -> Result<Option<String>, Refused> {
    auth::fuzzing::session_cookie(fields)
}

/// The JSON object in a text, parsed as claims and headers are.
///
/// Oracle: a text is accepted exactly if `serde_json` parses it as an object, no member is repeated and the nesting is at most 16 deep;
/// both parsers return the same value.
pub fn unique_json(text: &[u8]) -> Option<serde_json::Value> {
    oidc::fuzzing::unique_json(text)
}

/// The accepted keys of a key set document: key id and algorithm of each.
///
/// Oracle: each comes from an entry with this key id that is neither private nor symmetric and has no other intended use.
pub fn key_set(document: &str) -> Vec<(Option<String>, &'static str)> {
    oidc::fuzzing::key_set(document)
}

/// The result of parsing a CSV import: for each record the user's issuer and subject, or a refusal; `None` if the whole file is refused.
///
/// Oracle: no identity is repeated, and each accepted line is a record of the file.
pub fn csv_import(file: &[u8]) -> Option<Vec<Result<(String, String), ()>>> {
    cli::fuzzing::csv_import(file)
}

/// A cursor, parsed and serialized again.
///
/// Oracle: the result parses as the same cursor.
pub fn cursor(text: &str) -> Option<String> {
    let cursor = Cursor::deserialize(StrDeserializer::<serde::de::value::Error>::new(text)).ok()?;
    Some(cursor.to_string())
}

/// The query of a user list, with its cursor parsed and serialized again.
///
/// Oracle: as for [`cursor`], and the cursor is accepted only with the query that produced it.
pub fn users_query(query: &str) -> Option<String> {
    let query = Query::<ListUsersQuery>::from_query(query).ok()?.into_inner();
    let place = query.after().ok()??;
    Some(query.query_at(&query.cursor(place)))
}

/// The members that a merge patch sets; `None` if it is refused.
///
/// Oracle: the text is a JSON object of known members without repetition, and each present member is set to its value.
pub fn patch_body(kind: Patch, body: &[u8]) -> Option<Vec<(&'static str, Option<String>)>> {
    routes::fuzzing::patch_body(kind, body)
}

/// A guard for the issuers in this file, at this time in seconds since 1970.
///
/// Oracle, with [`Guard::admits`]: jsonwebtoken accepts every accepted token with equal settings, and a token is found in the cache
/// exactly if it was accepted.
///
/// # Errors
///
/// If the settings are invalid.
pub fn guard(issuers_file: &str, now: i64) -> Result<Guard, String> {
    let verifier = oidc::fuzzing::Verifier::start(issuers(issuers_file)?, clock(now)?);
    verifier.map(Guard::new).ok_or_else(|| "the verifier failed to start".to_owned())
}

/// The keys of an issuer, for the verification of signed introspection responses.
///
/// # Errors
///
/// If the settings are invalid.
pub fn keys(issuers_file: &str, now: i64) -> Result<Keys, String> {
    let first = issuers(issuers_file)?.into_iter().next();
    first.and_then(|issuer| Keys::start(issuer, clock(now).ok()?)).ok_or_else(|| "the keys failed to start".to_owned())
}

fn issuers(file: &str) -> Result<Vec<IssuerSettings>, String> {
    let config = Config::from_vars([("OIDC_ISSUERS_FILE", file)]).map_err(|faults| faults.to_string())?;
    Ok(config.oidc.map(|oidc| oidc.issuers).unwrap_or_default())
}

fn clock(now: i64) -> Result<Clock, String> {
    chrono::DateTime::from_timestamp(now, 0).map(Clock::manual).ok_or_else(|| "the time is out of range".to_owned())
}
