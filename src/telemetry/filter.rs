//! The log filter, which takes no lock.

use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::REQUEST;

/// Whether requests have a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestSpans {
    Always,
    /// Only if the filter can refer to spans; otherwise a [`Scope`](crate::scope::Scope) identifies the request.
    WhereNamed,
}

/// Installs `subscriber` as the global one, with the filter `level`. Fails if one is installed already.
///
/// [`EnvFilter`] supports more than levels by target, but takes two locks shared by all threads, several times per span. So it is used only
/// for filters that need it.
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

/// Parses `level` as levels by target; `None` if it needs an [`EnvFilter`].
fn by_target(level: &str) -> Option<Targets> {
    let needs_env_filter = level.contains(|c: char| matches!(c, '[' | '{') || c.is_whitespace());
    Targets::from_str(level).ok().filter(|_| !needs_env_filter)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_by_target_are_parsed_as_targets() {
        let targets = by_target("info,actix_server=warn,portcullis::access=off").unwrap();
        assert!(targets.would_enable("portcullis::app", &Level::INFO));
        assert!(!targets.would_enable("portcullis::app", &Level::DEBUG));
        assert!(!targets.would_enable("actix_server::builder", &Level::INFO));
        assert!(!targets.would_enable("portcullis::access", &Level::ERROR));
        assert!(!by_target("portcullis=debug").unwrap().would_enable("actix_server", &Level::ERROR));
    }

    #[test]
    fn filter_with_spans_or_spaces_needs_the_env_filter() {
        for level in ["info,[request]=debug", "portcullis[request{request_id=abc}]=trace", "info, portcullis=debug"] {
            assert!(by_target(level).is_none(), "{level}");
        }
    }
}
