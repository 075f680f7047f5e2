//! Requests by cookie that are refused for the page behind them.

/// What a request by cookie asked for that the page behind it may not ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSite {
    /// To change something.
    Change,
    /// A connection that outlasts the request: an upgrade or an event stream.
    Connection,
    /// To read.
    Read,
}

impl CrossSite {
    /// The rule that was not met.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Change => {
                "A change by cookie needs `X-Requested-With`, and an `Origin` that is this service's or one of \
                 SESSION_ALLOWED_ORIGINS."
            }
            Self::Connection => {
                "An upgrade or an event stream by cookie needs an `Origin` that is this service's or one of \
                 SESSION_ALLOWED_ORIGINS."
            }
            Self::Read => {
                "A page that reads by cookie must be of this service's origin or of one of SESSION_ALLOWED_ORIGINS, and send \
                 `Origin`."
            }
        }
    }
}
