//! Tombstones prevent a purged user from returning at the next sign-in: a keyed hash of each identity recognizes it without storing it.
//!
//! The key is random, created with the first tombstone, and stored next to the hashes. It defeats precomputed tables. It does not protect
//! against an attacker with the whole database, who can test subjects one by one, as with any key that the service itself can read.

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::database::DbConnection;
use crate::models::{IdentityKey, Moment, PrincipalId};
use crate::repositories::tombstones;

use crate::services::Failure;

/// Returns the purged principal of an identity; `None` if there is no tombstone.
pub(crate) fn find(conn: &mut DbConnection, identity: &IdentityKey) -> Result<Option<PrincipalId>, Failure> {
    // No key means that there are no tombstones.
    let Some(key) = tombstones::find_key(conn)? else { return Ok(None) };
    Ok(tombstones::find(conn, &hash(&key, identity))?)
}

/// Adds a tombstone for an identity of `principal`.
pub(crate) fn add(
    conn: &mut DbConnection,
    identity: &IdentityKey,
    principal: PrincipalId,
    now: Moment,
) -> Result<(), Failure> {
    let key = match tombstones::find_key(conn)? {
        Some(key) => key,
        None => create_key(conn)?,
    };
    Ok(tombstones::insert(conn, &hash(&key, identity), principal, now)?)
}

/// Removes the tombstone of an identity, if any. Returns its principal.
pub(crate) fn remove(conn: &mut DbConnection, identity: &IdentityKey) -> Result<Option<PrincipalId>, Failure> {
    let Some(key) = tombstones::find_key(conn)? else { return Ok(None) };
    let hash = hash(&key, identity);
    let purged = tombstones::find(conn, &hash)?;
    if purged.is_some() {
        tombstones::delete(conn, &hash)?;
    }
    Ok(purged)
}

fn create_key(conn: &mut DbConnection) -> Result<String, Failure> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Failure::NoRandomness)?;
    let key = BASE64_STANDARD.encode(bytes);
    tombstones::insert_key(conn, &key)?;
    Ok(key)
}

fn hash(key: &str, identity: &IdentityKey) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    // JSON keeps the parts unambiguous: no two identities have the same text.
    let text = serde_json::json!([identity.issuer, identity.kind.as_str(), identity.subject]).to_string();
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}
