//! Errors of connections that every client can cause, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What went wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionError {
    /// A head, or a chunk of a body, that is not HTTP. It was answered with a bare 400, or 431 where it was too large.
    Malformed,
    /// A head that did not come in time. It was answered with a bare 408.
    Slow,
    /// A request that was answered before its body was read.
    UnreadBody,
    /// The connection broke off.
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
    /// The error that the HTTP library reports with this message; `None` for its other errors, which are ours or its own.
    pub(super) fn told_as(message: &str) -> Option<Self> {
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

/// How many there were of each kind since the process began.
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
