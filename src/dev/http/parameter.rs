//! Parameters of requests to the development issuer.

use serde::{Deserialize, Deserializer};

/// Deserializes a parameter. An empty value counts as absent (RFC 6749 sections 3.1 and 3.2).
pub(super) fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(value)?.filter(|value| !value.is_empty()))
}
