//! `LOG_`: log level and log format.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::section::{described, section, value};
use super::value::Value;
use crate::telemetry::{LogConfig, LogFormat};

section!("Log", "LOG_", LogSection {
    /// The format of the log.
    format: LogFormat => described("`pretty` on a terminal, else `json`");
    /// The level of the log.
    // Actix logs each start in several lines; the service logs one line of its own.
    level: LogLevel => value("info,actix_server=warn");
});

impl Value for LogFormat {
    const TYPE: &'static str = "word";
    const RULE: &'static str = "`pretty` or `json`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "pretty" => Some(Self::Pretty),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A valid filter directive.
pub(super) struct LogLevel(String);

impl Value for LogLevel {
    const TYPE: &'static str = "filter";
    const RULE: &'static str =
        "`error`, `warn`, `info`, `debug`, `trace` or a list of levels by target, such as `info,portcullis=debug`";

    fn parse(text: &str) -> Option<Self> {
        EnvFilter::try_new(text).ok().map(|_| Self(text.to_owned()))
    }
}

impl LogConfig {
    pub(super) fn new(section: LogSection) -> Option<Self> {
        let default_format = if std::io::stdout().is_terminal() { LogFormat::Pretty } else { LogFormat::Json };
        Some(Self { format: section.format.or(default_format)?, level: section.level.good()?.0 })
    }
}
