//! Cookie-authenticated requests that are refused because of the page that sent them.

/// The kind of a refused cross-site request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSite {
    /// A change.
    Change,
    /// A connection that outlasts the request: an upgrade or an event stream.
    Connection,
    /// A read.
    Read,
}

impl CrossSite {
    /// Returns the unmet rule.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Change => {
                "A change with a session cookie requires `X-Requested-With`, and an `Origin` that is this service's or \
                 is listed in `SESSION_ALLOWED_ORIGINS`."
            }
            Self::Connection => {
                "An upgrade or event stream with a session cookie requires an `Origin` that is this service's or is \
                 listed in `SESSION_ALLOWED_ORIGINS`."
            }
            Self::Read => {
                "A page that reads with a session cookie must send an `Origin` that is this service's or is listed in \
                 `SESSION_ALLOWED_ORIGINS`."
            }
        }
    }
}
