//! Entry points of this module for the fuzz targets: see [`crate::fuzzing`] for the properties.

use chrono::{DateTime, Utc};

use super::answer::{self, Expected};
use crate::jose::unique_json::Object;
use crate::oidc::{IssuerSettings, KeySet};

/// Parses a response of this issuer to this client: `Some(None)` for an inactive token, `None` if the response is rejected.
pub(in crate::oidc) async fn read_response(
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
