//! `portcullis audit`: the trail written out, and pruned, which nothing else does.

use std::io::{self, BufWriter, Write};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand, ValueEnum};

use super::CommandError;
use crate::Clock;
use crate::api_types::AuditEventResponse;
use crate::app::Application;
use crate::config::Config;
use crate::models::{AuditFilter, AuditOrder, Moment};
use crate::services::{Actor, AuditService};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write events to standard output, the oldest first.
    Export {
        /// From when on: a day (UTC), or a time (RFC 3339).
        #[arg(long, value_parser = time)]
        since: Option<DateTime<Utc>>,
        /// Before when: a day (UTC), or a time (RFC 3339).
        #[arg(long, value_parser = time)]
        until: Option<DateTime<Utc>>,
        /// How.
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
    /// Remove old events for good. One that tells so takes their place.
    Prune {
        /// Before when: a day (UTC), or a time (RFC 3339).
        #[arg(long, value_parser = time)]
        before: DateTime<Utc>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Jsonl,
}

/// A time, or the first moment of a day.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|_| text.parse::<DateTime<Utc>>()).map_err(|_| "write 2026-01-31 or 2026-01-31T12:00:00Z".to_owned())
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
            let removed = audit.prune(&Actor::command_line(), before).await?;
            println!("removed {removed} events");
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
