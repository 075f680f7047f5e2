//! The only source of the current time: the system clock, or a manual clock for tests.
//!
//! Every time that Portcullis compares or stores comes from here, truncated to whole microseconds, the finest unit that both databases
//! store. Code that sleeps uses the clock too, so that a test can advance hours at once.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Timelike, Utc};
use tokio::sync::watch;

/// The finest unit that both databases store, in nanoseconds.
const MICROSECOND: u32 = 1_000;

/// Returns the current time and sleeps. Cheap to clone; clones of a manual clock share one time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<DateTime<Utc>>>),
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stays at `start` until [`advance`](Self::advance) moves it.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(whole_microseconds(start)))))
    }

    /// The current time in UTC, truncated to whole microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => whole_microseconds(Utc::now()),
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// [`now`](Self::now) in microseconds since 1970. Cheaper, because no calendar date is computed.
    pub(crate) fn microseconds(&self) -> i64 {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_default()
            }
            Source::Manual(time) => time.borrow().timestamp_micros(),
        }
    }

    /// Monotonic time since an arbitrary origin; changes of the system time do not affect it.
    pub(crate) fn steady(&self) -> Duration {
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        match &self.0 {
            Source::System => ORIGIN.elapsed(),
            Source::Manual(time) => (*time.borrow() - DateTime::UNIX_EPOCH).to_std().unwrap_or_default(),
        }
    }

    /// Moves a manual clock forward and wakes the tasks that sleep on it. Does nothing on the system clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(time) = &self.0 {
            time.send_modify(|now| *now += by);
        }
    }

    /// Returns once `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(duration).await,
            Source::Manual(time) => {
                let due = self.now() + duration;
                // `wait_for` fails only when the sender is gone, and `self` holds it.
                let _ = time.subscribe().wait_for(|now| *now >= due).await;
            }
        }
    }
}

/// Equivalent to `SubsecRound::trunc_subsecs(6)` in a tenth of the instructions; it runs on every request.
fn whole_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    let time = time.naive_utc();
    let whole = time.nanosecond() / MICROSECOND * MICROSECOND;
    time.with_nanosecond(whole).unwrap_or(time).and_utc()
}

#[cfg(test)]
mod tests {
    use chrono::SubsecRound;

    use super::*;

    #[tokio::test]
    async fn manual_clock_wakes_sleepers_only_once_their_time_is_reached() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
    }

    #[test]
    fn system_clock_returns_whole_microseconds() {
        assert_eq!(Clock::system().now().timestamp_subsec_nanos() % 1_000, 0);
        let system = Clock::system();
        let (before, between, after) = (system.now(), system.microseconds(), system.now());
        assert!((before.timestamp_micros()..=after.timestamp_micros()).contains(&between));
        for nanoseconds in [0, 999, 1_000, 123_456_789, 999_999_999, 1_999_999_999] {
            let time = DateTime::from_timestamp(1_700_000_039, nanoseconds).unwrap();
            assert_eq!(whole_microseconds(time), time.trunc_subsecs(6), "{nanoseconds}");
        }
    }
}
