//! Which people a list holds, in which order, and a place in it.

use super::{Moment, PrincipalId, PrincipalStatus};
use crate::redacted::redact_debug;

/// Which people. All that is set must hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// Of this status; without it, all who are not deleted.
    pub status: Option<PrincipalStatus>,
    /// Who hold this role by a grant that has not ended.
    pub role: Option<String>,
    /// Whose e-mail address this is, whatever its case.
    pub email: Option<String>,
}

redact_debug!(PeopleFilter);

/// In which order.
#[derive(Clone, PartialEq, Eq)]
pub enum PeopleOrder {
    /// As they came to be known.
    Id,
    /// By the folded name, those of one name as they came.
    DisplayName,
    /// Who was never seen first, then who was not seen for the longest time.
    LastSeen,
    /// Those only who are found by this prefix, by what they are found by.
    Match(String),
}

redact_debug!(PeopleOrder);

/// The place of a person in a list, after which a page starts: what the order looks at, and the id.
#[derive(Clone, PartialEq, Eq)]
pub enum PeoplePlace {
    /// In the order of ids.
    Id(PrincipalId),
    /// In the order of names.
    DisplayName(String, PrincipalId),
    /// Among those never seen, or in the order of times.
    LastSeen(Option<Moment>, PrincipalId),
    /// In the order of what people are found by.
    Match(String, PrincipalId),
}

redact_debug!(PeoplePlace);
