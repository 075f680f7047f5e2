//! The audit trail as it is looked through: what events are about, where they stand, and which ones are wanted.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use uuid::Uuid;

use super::column::text_column;
use super::{AuditAction, Moment, PrincipalId};

/// What an event is about, as stored: a principal by its id, a role as `role:` and its name, or one of two collections.
#[derive(Clone, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct AuditTarget(String);

text_column!(AuditTarget, |target: &Self| Ok::<_, Infallible>(target.0.clone()), |text: &str| {
    Ok::<_, Infallible>(Self(text.to_owned()))
});

impl AuditTarget {
    /// The role of this name.
    pub fn role(name: &str) -> Self {
        Self(format!("role:{name}"))
    }

    /// The service accounts as a whole: what somebody tried to add to.
    pub fn service_accounts() -> Self {
        Self("service-accounts".to_owned())
    }

    /// The users as a whole: what somebody tried to add to.
    pub fn users() -> Self {
        Self("users".to_owned())
    }

    /// The trail itself.
    pub fn trail() -> Self {
        Self("audit-events".to_owned())
    }

    /// The target of this text, whether or not there is an event about it.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text that is stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PrincipalId> for AuditTarget {
    fn from(id: PrincipalId) -> Self {
        Self(id.to_string())
    }
}

/// Names an event: a UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct AuditEventId(Uuid);

impl AuditEventId {
    /// A new id, greater than all that this process made before.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

text_column!(AuditEventId, |id: &Self| Ok::<_, Infallible>(id.to_string()), |text: &str| text.parse::<Self>());

impl FromStr for AuditEventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for AuditEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// A place in the trail, which is in the order of time: an event's time and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// When.
    pub at: Moment,
    /// Which of that moment.
    pub id: AuditEventId,
}

/// Which events; a member that is `None` leaves all.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Who.
    pub actor: Option<PrincipalId>,
    /// On whom or what.
    pub target: Option<AuditTarget>,
    /// What.
    pub action: Option<AuditAction>,
    /// Not before.
    pub since: Option<Moment>,
    /// Before.
    pub until: Option<Moment>,
}

/// Which end of the trail comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOrder {
    /// As people look.
    NewestFirst,
    /// As logs are written.
    OldestFirst,
}
