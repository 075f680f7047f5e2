//! Doors into the parsers for the fuzz targets in `fuzz/`, and for nothing else: they change without notice.
//!
//! Each function passes its input to the code that a request reaches and returns plain values. What must hold of them, the oracle, is
//! stated here and checked by the target of the same name.

use std::net::IpAddr;

use actix_web::web::Query;
use serde::Deserialize;
use serde::de::value::StrDeserializer;

use crate::api_types::{Cursor, ListUsersQuery};
use crate::clock::Clock;
use crate::config::Config;
use crate::oidc::IssuerSettings;
use crate::{auth, cli, oidc, routes};

pub use crate::auth::fuzzing::Refused;
pub use crate::oidc::fuzzing::{Admitted, Keys, Verifier};
pub use crate::routes::fuzzing::Patch;

/// The token of a request with these `Authorization` fields; `None` where there is no bearer credential, `Err` where it is refused.
///
/// Oracle: a token is found exactly where the one field is `Bearer`, spaces and a `b64token`, and it is that text.
///
/// # Errors
///
/// Where the request is refused for it.
pub fn authorization_header(fields: &[&[u8]]) -> Result<Option<String>, Refused> {
    auth::fuzzing::bearer_token(fields)
}

/// The address that a request counts for, with this peer and these `X-Forwarded-For` fields.
///
/// Oracle: it is the peer's unless the peer is trusted; what is put to the left of it changes nothing once it is not trusted itself.
pub fn forwarded_for(trusted: &[&str], peer: IpAddr, fields: &[&[u8]]) -> Option<IpAddr> {
    auth::fuzzing::client_address(trusted, peer, fields)
}

/// Where a browser is sent that asks for `target`, of a service at `public_url`; `None` where it is refused.
///
/// Oracle: the address is of a listed origin, however it is read: by the URL standard and by a cut at the first slash.
pub fn return_to(public_url: &str, allowed: &[String], target: &str) -> Option<String> {
    auth::fuzzing::destination(public_url, allowed, target)
}

/// The session cookie of a request with these `Cookie` fields, over https; `Err` where it is refused.
///
/// Oracle: a value is found only where exactly one pair has the name `__Host-session`, octet by octet.
///
/// # Errors
///
/// Where the request is refused for it.
pub fn cookies(fields: &[&[u8]]) -> Result<Option<String>, Refused> {
    auth::fuzzing::session_cookie(fields)
}

/// The object in a text, as claims and headers are read.
///
/// Oracle: exactly the texts are read that `serde_json` reads as an object, that have no member twice and nest 16 deep at the most; and
/// the value is the same.
pub fn unique_json(text: &[u8]) -> Option<serde_json::Value> {
    oidc::fuzzing::unique_json(text)
}

/// The keys that a key set document is taken for: key id and algorithm of each.
///
/// Oracle: each comes from an entry with this key id that is neither private nor symmetric, and not meant for something else.
pub fn key_set(document: &str) -> Vec<(Option<String>, &'static str)> {
    oidc::fuzzing::key_set(document)
}

/// What an import makes of a CSV file: for each line that can be read a person's issuer and subject, or a refusal; `None` where the file is
/// refused as a whole.
///
/// Oracle: an identity comes once, and each line that is read is a record of the file.
pub fn csv_import(file: &[u8]) -> Option<Vec<Result<(String, String), ()>>> {
    cli::fuzzing::csv_import(file)
}

/// A cursor read and written again.
///
/// Oracle: what was written is read as the same cursor.
pub fn cursor(text: &str) -> Option<String> {
    let cursor = Cursor::deserialize(StrDeserializer::<serde::de::value::Error>::new(text)).ok()?;
    Some(cursor.to_string())
}

/// The query of a list of people, with the cursor in it read and written again.
///
/// Oracle: as for [`cursor`], and the cursor counts with its own question only.
pub fn users_query(query: &str) -> Option<String> {
    let query = Query::<ListUsersQuery>::from_query(query).ok()?.into_inner();
    let place = query.after().ok()??;
    Some(query.query_at(&query.cursor(place)))
}

/// The members that a merge patch sets; `None` where it is refused.
///
/// Oracle: the text is a JSON object of known members, none twice, and each that is present is set to what it says.
pub fn patch_body(kind: Patch, body: &[u8]) -> Option<Vec<(&'static str, Option<String>)>> {
    routes::fuzzing::patch_body(kind, body)
}

/// A verifier of the issuers in this file, at this time in seconds since 1970.
///
/// Oracle, with [`Verifier::admits`]: what it admits, jsonwebtoken admits with equal settings; and it is known again exactly where it was
/// admitted.
///
/// # Errors
///
/// Where the settings are wrong.
pub fn verifier(issuers_file: &str, now: i64) -> Result<Verifier, String> {
    let verifier = Verifier::start(issuers(issuers_file)?, clock(now)?);
    verifier.ok_or_else(|| "the verifier does not start".to_owned())
}

/// The keys of an issuer, to verify signed answers about tokens with.
///
/// # Errors
///
/// Where the settings are wrong.
pub fn keys(issuers_file: &str, now: i64) -> Result<Keys, String> {
    let first = issuers(issuers_file)?.into_iter().next();
    first.and_then(|issuer| Keys::start(issuer, clock(now).ok()?)).ok_or_else(|| "the keys do not start".to_owned())
}

fn issuers(file: &str) -> Result<Vec<IssuerSettings>, String> {
    let config = Config::from_vars([("OIDC_ISSUERS_FILE", file)]).map_err(|faults| faults.to_string())?;
    Ok(config.oidc.map(|oidc| oidc.issuers).unwrap_or_default())
}

fn clock(now: i64) -> Result<Clock, String> {
    chrono::DateTime::from_timestamp(now, 0).map(Clock::manual).ok_or_else(|| "no time".to_owned())
}
