//! `LOG_`: log level and log format.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::environment::RawLog;
use super::faults::Faults;
use crate::telemetry::{LogConfig, LogFormat};

/// Actix logs each start in several lines; the service logs one line of its own.
const DEFAULT_LEVEL: &str = "info,actix_server=warn";

impl LogConfig {
    pub(super) fn parse(raw: RawLog, faults: &mut Faults) -> Option<Self> {
        let default_format = if std::io::stdout().is_terminal() { LogFormat::Pretty } else { LogFormat::Json };
        let format = faults.parse("LOG_FORMAT", raw.format, default_format, "`pretty` or `json`", |text| match text {
            "pretty" => Some(LogFormat::Pretty),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let level = faults.parse(
            "LOG_LEVEL",
            raw.level,
            DEFAULT_LEVEL.to_owned(),
            "`error`, `warn`, `info`, `debug`, `trace` or a list of levels by target, such as `info,portcullis=debug`",
            |text| EnvFilter::try_new(text).ok().map(|_| text.to_owned()),
        );
        Some(Self { format: format?, level: level? })
    }
}
