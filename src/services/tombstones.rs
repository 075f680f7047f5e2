//! Who was purged does not come back by signing in: their identities leave keyed hashes, which say nothing of them and know them again.
//!
//! The key is random, made with the first tombstone, and kept beside the hashes. It keeps them from being looked up in tables that
//! somebody has prepared; whoever reads the whole database could try subjects one by one, as they could with any key that the service
//! can reach by itself.

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::database::DbConnection;
use crate::models::{IdentityKey, Moment, PrincipalId};
use crate::repositories::tombstones;

use super::Failure;

/// Whose identity this was, if they were purged and not readmitted.
pub(super) fn find(conn: &mut DbConnection, identity: &IdentityKey) -> Result<Option<PrincipalId>, Failure> {
    // Without a key nobody was ever purged.
    let Some(key) = tombstones::find_key(conn)? else { return Ok(None) };
    Ok(tombstones::find(conn, &hash(&key, identity))?)
}

/// Marks an identity as that of `principal`, who is purged.
pub(super) fn raise(
    conn: &mut DbConnection,
    identity: &IdentityKey,
    principal: PrincipalId,
    now: Moment,
) -> Result<(), Failure> {
    let key = match tombstones::find_key(conn)? {
        Some(key) => key,
        None => make_key(conn)?,
    };
    Ok(tombstones::insert(conn, &hash(&key, identity), principal, now)?)
}

/// Takes the mark away, if there is one. Returns whose it was.
pub(super) fn lift(conn: &mut DbConnection, identity: &IdentityKey) -> Result<Option<PrincipalId>, Failure> {
    let Some(key) = tombstones::find_key(conn)? else { return Ok(None) };
    let hash = hash(&key, identity);
    let purged = tombstones::find(conn, &hash)?;
    if purged.is_some() {
        tombstones::delete(conn, &hash)?;
    }
    Ok(purged)
}

fn make_key(conn: &mut DbConnection) -> Result<String, Failure> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Failure::NoRandomness)?;
    let key = BASE64_STANDARD.encode(bytes);
    tombstones::insert_key(conn, &key)?;
    Ok(key)
}

fn hash(key: &str, identity: &IdentityKey) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    // No two identities have the same JSON.
    let text = serde_json::json!([identity.issuer, identity.kind.as_str(), identity.subject]).to_string();
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}
