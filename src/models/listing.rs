//! Filters, orders and positions of the user list.

use super::{Moment, PrincipalId, PrincipalStatus};
use crate::redacted::redact_debug;

/// A filter of users. All members that are set must match.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// The status; `None` matches all users that are not deleted.
    pub status: Option<PrincipalStatus>,
    /// A role that the user holds by an unexpired grant.
    pub role: Option<String>,
    /// The e-mail address, compared without case.
    pub email: Option<String>,
}

redact_debug!(PeopleFilter);

/// The order of users.
#[derive(Clone, PartialEq, Eq)]
pub enum PeopleOrder {
    /// By id, which is the order of creation.
    Id,
    /// By folded display name, then by id.
    DisplayName,
    /// Users never seen first, then by the time of the last visit, oldest first.
    LastSeen,
    /// Only users with a search term that starts with this prefix, by the matching term.
    Match(String),
}

redact_debug!(PeopleOrder);

/// The position of a user in a list, after which a page starts: the sort key and the id.
#[derive(Clone, PartialEq, Eq)]
pub enum PeoplePlace {
    /// The position by id.
    Id(PrincipalId),
    /// The position by display name.
    DisplayName(String, PrincipalId),
    /// The position by last visit; `None` for a user never seen.
    LastSeen(Option<Moment>, PrincipalId),
    /// The position by matching search term.
    Match(String, PrincipalId),
}

redact_debug!(PeoplePlace);
