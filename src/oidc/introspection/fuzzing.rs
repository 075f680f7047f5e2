//! What the fuzz targets reach of this room: see [`crate::fuzzing`] for what must hold.

use chrono::{DateTime, Utc};

use super::answer::{self, Expected};
use crate::oidc::strict_json::Object;
use crate::oidc::{IssuerSettings, KeySet};

/// Reads an answer of this issuer to this client.
pub(in crate::oidc) async fn read_answer(
    media_type: &str,
    body: &[u8],
    issuer: &IssuerSettings,
    client_id: &str,
    keys: &KeySet,
    now: DateTime<Utc>,
) -> Option<Option<Object<'static>>> {
    let (issuer, algorithms) = (&*issuer.issuer, &*issuer.algorithms);
    answer::read(media_type, body, &Expected { issuer, client_id, algorithms, keys, now }).await.ok()
}
