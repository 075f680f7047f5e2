//! `LOG_`: how much is logged and for whom.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::environment::RawLog;
use super::faults::Faults;

/// Actix tells each start in several lines; ours says the same in one.
const DEFAULT_LEVEL: &str = "info,actix_server=warn";

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// People.
    Pretty,
    /// Programs: one JSON object a line.
    Json,
}

/// How much is logged and for whom.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    /// A filter directive that is known to parse.
    pub(crate) level: String,
}

impl LogConfig {
    pub(super) fn parse(raw: RawLog, faults: &mut Faults) -> Option<Self> {
        let by_reader = if std::io::stdout().is_terminal() { LogFormat::Pretty } else { LogFormat::Json };
        let format = faults.parse("LOG_FORMAT", raw.format, by_reader, "`pretty` or `json`", |text| match text {
            "pretty" => Some(LogFormat::Pretty),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let level = faults.parse(
            "LOG_LEVEL",
            raw.level,
            DEFAULT_LEVEL.to_owned(),
            "`error`, `warn`, `info`, `debug`, `trace` or a list of such by target, as `info,portcullis=debug`",
            |text| EnvFilter::try_new(text).ok().map(|_| text.to_owned()),
        );
        Some(Self { format: format?, level: level? })
    }
}
