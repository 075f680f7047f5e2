//! A history of requests and changes, and the checker that finds violations in it.
//!
//! A change takes effect when it is acknowledged; a request before that may have either verdict. So a verdict is valid if it was possible
//! at some moment between the start of the request, minus the bound, and its end.

use std::time::Duration;

/// Whether a request is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    Refused,
}

/// A change of one subject, as the admin observed it. Changes of one subject do not overlap.
#[derive(Clone, Debug)]
pub struct Change {
    pub subject: usize,
    /// The verdict of requests that start after it.
    pub due: Verdict,
    /// The replica that made it.
    pub replica: usize,
    pub requested: Duration,
    pub acknowledged: Duration,
}

/// A request of one subject, as its client observed it.
#[derive(Clone, Debug)]
pub struct Observed {
    pub subject: usize,
    pub verdict: Verdict,
    pub replica: usize,
    pub started: Duration,
    pub ended: Duration,
}

/// The time after its acknowledgement when a change takes effect: at once at the replica that made it, later at the others.
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
    pub request: Observed,
    /// The latest change that should have taken effect.
    pub change: Change,
    /// The time between its acknowledgement and the start of the request.
    pub late: Duration,
}

/// The requests admitted although a change that refuses them had been acknowledged for longer than the bound, and no later change, made or
/// in progress before their end, admits them again; and likewise the requests refused against a change that admits them.
pub fn violations(changes: &[Change], requests: &[Observed], bound: Bound) -> Vec<Violation> {
    requests.iter().filter_map(|request| violation(changes, request, bound)).collect()
}

fn violation(changes: &[Change], request: &Observed, bound: Bound) -> Option<Violation> {
    let of_subject: Vec<&Change> = changes.iter().filter(|change| change.subject == request.subject).collect();
    let counts = |change: &&&Change| change.acknowledged + bound.at(change, request.replica) < request.started;
    let latest = of_subject.iter().filter(counts).max_by_key(|change| change.acknowledged)?;
    // Later changes may or may not have taken effect.
    let explains = |change: &&Change| {
        change.requested >= latest.acknowledged && change.requested <= request.ended && change.due == request.verdict
    };
    if latest.due == request.verdict || of_subject.iter().any(explains) {
        return None;
    }
    let late = request.started - latest.acknowledged;
    Some(Violation { request: request.clone(), change: Change::clone(latest), late })
}

/// The lag of each request that was admitted after a change that refuses it: the time from the acknowledgement to the start of the request.
pub fn lags(changes: &[Change], requests: &[Observed]) -> Vec<Duration> {
    let at_once = Bound { elsewhere: Duration::ZERO };
    let behind = violations(changes, requests, at_once).into_iter();
    behind.filter(|violation| violation.request.verdict == Verdict::Admitted).map(|violation| violation.late).collect()
}

mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn change(due: Verdict, requested: u64, acknowledged: u64) -> Change {
        Change { subject: 0, due, replica: 0, requested: ms(requested), acknowledged: ms(acknowledged) }
    }

    fn observed(verdict: Verdict, replica: usize, started: u64, ended: u64) -> Observed {
        Observed { subject: 0, verdict, replica, started: ms(started), ended: ms(ended) }
    }

    fn found(changes: &[Change], requests: &[Observed]) -> usize {
        violations(changes, requests, Bound { elsewhere: ms(100) }).len()
    }

    use Verdict::{Admitted, Refused};

    #[test]
    fn request_admitted_after_an_acknowledged_refusal_is_found() {
        let disabled = [change(Refused, 0, 10)];
        assert_eq!(found(&disabled, &[observed(Admitted, 0, 11, 12)]), 1, "at once at the same replica");
        assert_eq!(found(&disabled, &[observed(Admitted, 1, 111, 112)]), 1, "after the bound at the other replica");
        assert_eq!(found(&disabled, &[observed(Refused, 0, 11, 12), observed(Refused, 1, 111, 112)]), 0);
    }

    #[test]
    fn request_that_started_before_or_within_the_bound_is_not_found() {
        let disabled = [change(Refused, 0, 10)];
        for early in [observed(Admitted, 0, 9, 500), observed(Admitted, 0, 10, 500), observed(Admitted, 1, 110, 500)] {
            assert_eq!(found(&disabled, &[early]), 0);
        }
    }

    #[test]
    fn later_change_explains_a_request_from_its_own_start() {
        let changes = [change(Refused, 0, 10), change(Admitted, 200, 210)];
        assert_eq!(found(&changes, &[observed(Admitted, 0, 150, 199)]), 1, "the request ended before the change");
        assert_eq!(found(&changes, &[observed(Admitted, 0, 150, 200), observed(Admitted, 1, 300, 301)]), 0);
        assert_eq!(found(&changes, &[observed(Refused, 1, 309, 310)]), 0, "not yet effective at the other replica");
        assert_eq!(found(&changes, &[observed(Refused, 0, 211, 212), observed(Refused, 1, 311, 312)]), 2);
    }

    #[test]
    fn change_of_another_subject_explains_nothing() {
        let other = Change { subject: 1, ..change(Admitted, 20, 30) };
        assert_eq!(found(&[change(Refused, 0, 10), other], &[observed(Admitted, 0, 40, 41)]), 1);
    }
}
