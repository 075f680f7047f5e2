//! Logs: who writes them, and what may be in them.
//!
//! The rule: no token, secret, cookie, e-mail or claim value reaches a log at any level. So a request is told by its id, its method and the
//! *pattern* of its route (never the path or the query, which a careless client may have put a token into), and a panic by its place,
//! since its message may hold a value. Of a proved token the log tells the principal's id, the client and the issuer's short name, which is
//! what it takes to follow up on an incident.

mod json_lines;
mod line_writer;

pub(crate) use line_writer::{dropped_lines, flush};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};
use json_lines::JsonLines;
use line_writer::LineWriter;

/// The target of the line that tells of each request; `LOG_LEVEL=info,portcullis::access=off` turns it off.
pub(crate) const ACCESS: &str = "portcullis::access";

/// Starts logging to standard output. A subscriber that is set already stays: the process has decided.
pub(crate) fn start(config: &LogConfig) {
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&config.level)).with_writer(LineWriter::start());
    // Fails only where a subscriber is set.
    let _ = match config.format {
        LogFormat::Json => {
            subscriber.fmt_fields(tracing_subscriber::fmt::format::JsonFields::new()).event_format(JsonLines).try_init()
        }
        LogFormat::Pretty => subscriber.try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
        flush();
    }));
}
