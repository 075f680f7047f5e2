//! `portcullis audit`: exports the audit trail, and prunes it. No other code prunes it.

use std::io::{self, BufWriter, Write};

use chrono::{NaiveDate, NaiveTime};
use clap::{Args, Subcommand, ValueEnum};

use crate::Clock;
use crate::api_types::AuditEventResponse;
use crate::app::Application;
use crate::cli::error::CommandError;
use crate::cli::table::counted;
use crate::config::Config;
use crate::models::{AuditFilter, AuditOrder, ClientTime, Moment};
use crate::services::{Actor, AuditService};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write events to standard output, oldest first.
    Export {
        /// Only events at or after this day (UTC) or time (RFC 3339).
        #[arg(long, value_parser = time)]
        since: Option<ClientTime>,
        /// Only events before this day (UTC) or time (RFC 3339).
        #[arg(long, value_parser = time)]
        until: Option<ClientTime>,
        /// The output format.
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
    /// Permanently remove old events. The removal is recorded as an event.
    Prune {
        /// Remove events before this day (UTC) or time (RFC 3339).
        #[arg(long, value_parser = time)]
        before: ClientTime,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object per line.
    Jsonl,
}

/// A time, or a day, which means its start in UTC.
fn time(text: &str) -> Result<ClientTime, String> {
    let time = match text.parse::<NaiveDate>() {
        Ok(day) => ClientTime::from_microseconds(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros()),
        Err(_) => text.parse().ok(),
    };
    time.ok_or_else(|| format!("must be a day such as 2030-01-31, or {}", ClientTime::MUST_BE))
}

pub(super) async fn run(application: &Application, config: &Config, arguments: Arguments) -> Result<(), CommandError> {
    let audit = AuditService::new(application.open_database(config)?, Clock::system());
    match arguments.command {
        Command::Export { since, until, format: Format::Jsonl } => {
            let filter =
                AuditFilter { since: since.map(Moment::from), until: until.map(Moment::from), ..Default::default() };
            export(&audit, filter).await
        }
        Command::Prune { before } => {
            let removed = audit.prune(&Actor::command_line(), before.utc()).await?;
            println!("removed {}", counted(&removed, "event"));
            Ok(())
        }
    }
}

/// How many events one transaction reads.
const PAGE: u16 = 1_000;

async fn export(audit: &AuditService, filter: AuditFilter) -> Result<(), CommandError> {
    audit.note_export(&Actor::command_line(), &filter).await?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut after = None;
    loop {
        let page = audit.list(filter.clone(), AuditOrder::OldestFirst, after, PAGE).await?;
        for entry in page.items {
            serde_json::to_writer(&mut out, &AuditEventResponse::from(entry))?;
            writeln!(out).map_err(CommandError::Print)?;
        }
        after = page.next;
        if after.is_none() {
            return out.flush().map_err(CommandError::Print);
        }
    }
}
