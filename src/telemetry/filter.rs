//! The log filter, which takes no lock.

use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::targets::REQUEST;

/// Installs `subscriber` as the global one, with the filter `level`. Fails if one is installed already.
///
/// [`EnvFilter`] supports more than levels by target, but takes two locks shared by all threads, several times per span. So it is used only
/// for filters that need it.
pub(super) fn start(subscriber: impl Subscriber + Send + Sync + 'static, level: &str) -> Result<(), TryInitError> {
    match by_target(level) {
        Some(targets) => subscriber.with(targets).try_init(),
        None => subscriber.with(by_directives(level)).try_init(),
    }
}

/// Parses `level` as an [`EnvFilter`]. The spans of requests are enabled together with any event, as in [`by_target`].
pub(super) fn by_directives(level: &str) -> EnvFilter {
    let filter = EnvFilter::new(level);
    let is_silent = filter.max_level_hint() == Some(LevelFilter::OFF);
    match format!("{REQUEST}=error").parse() {
        Ok(directive) if !is_silent => filter.add_directive(directive),
        _ => filter,
    }
}

/// Parses `level` as levels by target; `None` if it needs an [`EnvFilter`]. The spans of requests are enabled together with any event, so
/// that its line carries the request id.
fn by_target(level: &str) -> Option<Targets> {
    if level.contains(|c: char| matches!(c, '[' | '{') || c.is_whitespace()) {
        return None;
    }
    let targets = Targets::from_str(level).ok()?;
    let levels = targets.iter().map(|(_, level)| level).chain(targets.default_level());
    let is_silent = levels.max().unwrap_or(LevelFilter::OFF) == LevelFilter::OFF;
    Some(if is_silent { targets } else { targets.with_target(REQUEST, LevelFilter::ERROR) })
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
    fn span_of_a_request_is_enabled_by_directives_too() {
        for (level, is_enabled) in
            [("portcullis::app=info, actix_http=debug", true), ("[{user}]=debug", true), ("off", false)]
        {
            let directives = by_directives(level).to_string();
            assert_eq!(directives.contains("portcullis::request=error"), is_enabled, "{level}: {directives}");
        }
    }

    #[test]
    fn span_of_a_request_is_enabled_unless_nothing_is_logged() {
        for (level, is_enabled) in
            [("info", true), ("actix_http=debug", true), ("off", false), ("portcullis=off", false)]
        {
            assert_eq!(by_target(level).unwrap().would_enable(REQUEST, &Level::ERROR), is_enabled, "{level}");
        }
    }

    #[test]
    fn filter_with_spans_or_spaces_needs_the_env_filter() {
        for level in ["info,[request]=debug", "portcullis[request{request_id=abc}]=trace", "info, portcullis=debug"] {
            assert!(by_target(level).is_none(), "{level}");
        }
    }
}
