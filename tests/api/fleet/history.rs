//! A history of requests and changes, and the checker that finds what must not be in it.
//!
//! A change counts from when it was acknowledged: whoever asks before may be answered either way. So a request may be admitted if, at some
//! moment between its start, less the bound, and its end, it may have been so.

use std::time::Duration;

/// Whether requests of a subject may be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    Refused,
}

/// A change of one subject's rights, as the admin saw it. Changes of one subject do not overlap.
#[derive(Clone, Debug)]
pub struct Change {
    pub subject: usize,
    /// What requests that start after it are due.
    pub due: Verdict,
    /// The replica that made it.
    pub replica: usize,
    pub asked: Duration,
    pub acknowledged: Duration,
}

/// A request of one subject, as its client saw it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub subject: usize,
    pub verdict: Verdict,
    pub replica: usize,
    pub started: Duration,
    pub ended: Duration,
}

/// How long after it was acknowledged a change counts: at once at the replica that made it, later at others.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    pub elsewhere: Duration,
}

impl Bound {
    fn at(self, change: &Change, replica: usize) -> Duration {
        if change.replica == replica { Duration::ZERO } else { self.elsewhere }
    }
}

/// A request that no order of the changes explains.
#[derive(Clone, Debug)]
pub struct Violation {
    pub asked: Asked,
    /// The change that it should have known of.
    pub change: Change,
    /// How long after that had been acknowledged it started.
    pub late: Duration,
}

/// The requests that were admitted although a change that refuses them had been acknowledged for longer than the bound, and nothing since,
/// made or under way before their end, admits them again; and those that were refused against a change that admits them, likewise.
pub fn violations(changes: &[Change], requests: &[Asked], bound: Bound) -> Vec<Violation> {
    requests.iter().filter_map(|asked| violation(changes, asked, bound)).collect()
}

fn violation(changes: &[Change], asked: &Asked, bound: Bound) -> Option<Violation> {
    let of_subject: Vec<&Change> = changes.iter().filter(|change| change.subject == asked.subject).collect();
    let counts = |change: &&&Change| change.acknowledged + bound.at(change, asked.replica) < asked.started;
    let latest = of_subject.iter().filter(counts).max_by_key(|change| change.acknowledged)?;
    // What came later may or may not count yet.
    let explains = |change: &&Change| {
        change.asked >= latest.acknowledged && change.asked <= asked.ended && change.due == asked.verdict
    };
    if latest.due == asked.verdict || of_subject.iter().any(explains) {
        return None;
    }
    let late = asked.started - latest.acknowledged;
    Some(Violation { asked: asked.clone(), change: Change::clone(latest), late })
}

/// For each request that was admitted after a change that refuses it: how long the change had been acknowledged when it started. What a replica is behind by.
pub fn lags(changes: &[Change], requests: &[Asked]) -> Vec<Duration> {
    let at_once = Bound { elsewhere: Duration::ZERO };
    let behind = violations(changes, requests, at_once).into_iter();
    behind.filter(|violation| violation.asked.verdict == Verdict::Admitted).map(|violation| violation.late).collect()
}

mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn change(due: Verdict, asked: u64, acknowledged: u64) -> Change {
        Change { subject: 0, due, replica: 0, asked: ms(asked), acknowledged: ms(acknowledged) }
    }

    fn asked(verdict: Verdict, replica: usize, started: u64, ended: u64) -> Asked {
        Asked { subject: 0, verdict, replica, started: ms(started), ended: ms(ended) }
    }

    fn found(changes: &[Change], requests: &[Asked]) -> usize {
        violations(changes, requests, Bound { elsewhere: ms(100) }).len()
    }

    use Verdict::{Admitted, Refused};

    #[test]
    fn request_admitted_after_an_acknowledged_refusal_is_found() {
        let disabled = [change(Refused, 0, 10)];
        assert_eq!(found(&disabled, &[asked(Admitted, 0, 11, 12)]), 1, "at once where it was made");
        assert_eq!(found(&disabled, &[asked(Admitted, 1, 111, 112)]), 1, "after the bound elsewhere");
        assert_eq!(found(&disabled, &[asked(Refused, 0, 11, 12), asked(Refused, 1, 111, 112)]), 0);
    }

    #[test]
    fn request_that_started_before_or_within_the_bound_is_not() {
        let disabled = [change(Refused, 0, 10)];
        for early in [asked(Admitted, 0, 9, 500), asked(Admitted, 0, 10, 500), asked(Admitted, 1, 110, 500)] {
            assert_eq!(found(&disabled, &[early]), 0);
        }
    }

    #[test]
    fn later_change_explains_a_request_from_when_it_was_asked_for() {
        let changes = [change(Refused, 0, 10), change(Admitted, 200, 210)];
        assert_eq!(found(&changes, &[asked(Admitted, 0, 150, 199)]), 1, "it ended before");
        assert_eq!(found(&changes, &[asked(Admitted, 0, 150, 200), asked(Admitted, 1, 300, 301)]), 0);
        assert_eq!(found(&changes, &[asked(Refused, 1, 309, 310)]), 0, "not known there yet");
        assert_eq!(found(&changes, &[asked(Refused, 0, 211, 212), asked(Refused, 1, 311, 312)]), 2);
    }

    #[test]
    fn change_of_another_subject_explains_nothing() {
        let other = Change { subject: 1, ..change(Admitted, 20, 30) };
        assert_eq!(found(&[change(Refused, 0, 10), other], &[asked(Admitted, 0, 40, 41)]), 1);
    }
}
