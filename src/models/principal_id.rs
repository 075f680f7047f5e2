//! The id of a principal: a UUID of version 7, written with hyphens.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::column::text_column;

/// Names a person or a program known here. Ids sort by the time they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct PrincipalId(Uuid);

/// The text is not a UUID with hyphens. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID, as in 018f4e9a-7c3e-7d2a-9b1f-2f6c0a5d4e3b")]
pub struct NotAPrincipalId;

impl PrincipalId {
    /// A new id, greater than all that this process made before.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl FromStr for PrincipalId {
    type Err = NotAPrincipalId;

    /// Takes the form with hyphens only, so that each principal has one address.
    fn from_str(text: &str) -> Result<Self, NotAPrincipalId> {
        const HYPHENATED: usize = uuid::fmt::Hyphenated::LENGTH;
        if text.len() != HYPHENATED {
            return Err(NotAPrincipalId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| NotAPrincipalId)
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PrincipalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PrincipalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

text_column!(PrincipalId, |id: &Self| Ok::<_, std::convert::Infallible>(id.to_string()), |text: &str| text
    .parse::<Self>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = PrincipalId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_the_form_with_hyphens_is_an_id() {
        let text = PrincipalId::generate().to_string();
        let spellings = [text.replace('-', ""), format!("{{{text}}}"), format!("urn:uuid:{text}"), format!("{text} ")];
        for other in spellings.iter().map(String::as_str).chain(["", "me", "00000000-0000-0000-0000-00000000000g"]) {
            assert_eq!(other.parse::<PrincipalId>(), Err(NotAPrincipalId), "{other}");
        }
    }

    #[test]
    fn what_is_no_id_is_not_echoed() {
        let refusal = serde_json::from_str::<PrincipalId>(r#""drop-table""#).unwrap_err().to_string();
        assert!(!refusal.contains("drop-table"), "{refusal}");
    }
}
