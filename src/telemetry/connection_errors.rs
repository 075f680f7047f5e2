//! Counts the connection errors that any client can cause.

use std::sync::atomic::{AtomicU64, Ordering};

/// The kind of a connection error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionError {
    /// A malformed head or body chunk. The response was a bare 400, or 431 if the head was too large.
    Malformed,
    /// A head that did not arrive in time. The response was a bare 408.
    Slow,
    /// The response was sent before the body of the request was read.
    UnreadBody,
    /// The connection was closed unexpectedly.
    Broken,
}

const KINDS: [(ConnectionError, &str, &str); 5] = [
    (ConnectionError::Malformed, "malformed", "stream error: request parse error"),
    (ConnectionError::Slow, "slow", "stream error: request did not complete"),
    (ConnectionError::UnreadBody, "unread-body", "stream error: handler dropped payload"),
    (ConnectionError::Broken, "broken", "stream error: I/O error"),
    (ConnectionError::Broken, "broken", "write zero"),
];

static COUNTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

impl ConnectionError {
    /// Returns the kind for a message of the HTTP library; `None` for errors that no client causes.
    pub(super) fn from_message(message: &str) -> Option<Self> {
        KINDS.iter().find(|(_, _, start)| message.starts_with(start)).map(|(kind, ..)| *kind)
    }

    pub(super) fn count(self) {
        self.counter().fetch_add(1, Ordering::Relaxed);
    }

    fn counter(self) -> &'static AtomicU64 {
        let [malformed, slow, unread_body, broken] = &COUNTS;
        match self {
            Self::Malformed => malformed,
            Self::Slow => slow,
            Self::UnreadBody => unread_body,
            Self::Broken => broken,
        }
    }
}

/// The number of errors of each kind since the process started.
pub(crate) fn connection_errors() -> impl Iterator<Item = (&'static str, u64)> {
    KINDS.iter().take(COUNTS.len()).map(|(kind, word, _)| (*word, kind.counter().load(Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once() {
        let words: std::collections::BTreeSet<_> = connection_errors().map(|(word, _)| word).collect();
        assert_eq!(words.len(), COUNTS.len());
    }
}
