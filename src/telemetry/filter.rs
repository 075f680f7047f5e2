//! Which lines are logged, decided without a lock.

use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::REQUEST;

/// Whether there are spans around requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestSpans {
    Always,
    /// Where the filter may name them: else a [`Scope`](crate::scope::Scope) does.
    WhereNamed,
}

/// Starts `subscriber` as the process's own, for the lines that `level` names.
///
/// [`EnvFilter`] can do more than levels by target, for which it asks two locks that all threads share, several times for each span: so it
/// is left to whoever asks for more.
pub(super) fn start(
    subscriber: impl Subscriber + Send + Sync + 'static,
    level: &str,
    spans: RequestSpans,
) -> Result<(), TryInitError> {
    match by_target(level) {
        Some(targets) if spans == RequestSpans::WhereNamed => {
            subscriber.with(targets.with_target(REQUEST, LevelFilter::OFF)).try_init()
        }
        Some(targets) => subscriber.with(targets).try_init(),
        None => subscriber.with(EnvFilter::new(level)).try_init(),
    }
}

/// The levels by target, if `level` names nothing else.
fn by_target(level: &str) -> Option<Targets> {
    let asks_for_more = level.contains(|c: char| matches!(c, '[' | '{') || c.is_whitespace());
    Targets::from_str(level).ok().filter(|_| !asks_for_more)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_by_target_are_kept_as_such() {
        let targets = by_target("info,actix_server=warn,portcullis::access=off").unwrap();
        assert!(targets.would_enable("portcullis::app", &Level::INFO));
        assert!(!targets.would_enable("portcullis::app", &Level::DEBUG));
        assert!(!targets.would_enable("actix_server::builder", &Level::INFO));
        assert!(!targets.would_enable("portcullis::access", &Level::ERROR));
        assert!(!by_target("portcullis=debug").unwrap().would_enable("actix_server", &Level::ERROR));
    }

    #[test]
    fn whatever_says_more_is_left_to_the_filter_that_understands_it() {
        for level in ["info,[request]=debug", "portcullis[request{request_id=abc}]=trace", "info, portcullis=debug"] {
            assert!(by_target(level).is_none(), "{level}");
        }
    }
}
