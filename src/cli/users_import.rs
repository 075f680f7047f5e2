//! `portcullis users import`: adds users from a CSV file.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use csv::{Position, Reader, StringRecord};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use crate::cli::error::{CommandError, ImportError};
use crate::models::{ClientTime, ProfileField};
use crate::services::{Actor, ImportMode, Imported, NewIdentity, NewUser, ProfileEdit, UserService};

/// How many rows one transaction adds.
const BATCH: usize = 1_000;

/// The known columns, in any order. `subject` is required.
const COLUMNS: [&str; 10] = [
    "issuer",
    "subject",
    "display_name",
    "given_name",
    "family_name",
    "locale",
    "username",
    "email",
    "roles",
    "expires_at",
];

#[derive(Args)]
pub(super) struct Arguments {
    /// The CSV file. Its first line names the columns: subject and any of issuer, display_name, given_name, family_name, locale,
    /// username, email, roles (separated by spaces; the default role if empty) and expires_at (RFC 3339).
    file: PathBuf,
    /// Report what would change without changing anything.
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// One line of the file.
#[derive(Deserialize)]
struct ImportRow {
    issuer: Option<String>,
    subject: String,
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    locale: Option<String>,
    username: Option<String>,
    email: Option<String>,
    roles: Option<String>,
    expires_at: Option<String>,
}

/// The result of the lines read so far.
#[derive(Default, serde::Serialize)]
struct Report {
    added: usize,
    already_there: usize,
    refused: Vec<Refused>,
}

#[derive(serde::Serialize)]
struct Refused {
    line: u64,
    reason: String,
}

/// A running import.
struct Import<'a> {
    users: &'a UserService,
    actor: &'a Actor,
    mode: ImportMode,
    lines: Lines,
    batch: Vec<(u64, NewUser)>,
    report: Report,
    progress: ProgressBar,
}

pub(super) async fn run(
    users: &UserService,
    actor: &Actor,
    only_issuer: Option<String>,
    arguments: Arguments,
) -> Result<(), CommandError> {
    let Arguments { file, dry_run, json } = arguments;
    let file = File::open(file).map_err(ImportError::from)?;
    let progress = ProgressBar::new(file.metadata().map_err(ImportError::from)?.len()).with_style(style());
    let mode = if dry_run { ImportMode::DryRun } else { ImportMode::Keep };
    let lines = Lines::new(only_issuer);
    let batch = Vec::with_capacity(BATCH);
    let report = Report::default();
    let mut import = Import { users, actor, mode, lines, batch, report, progress };
    import.read(Reader::from_reader(file)).await?;
    import.progress.finish_and_clear();
    import.report.print(mode, json)?;
    match import.report.refused.len() {
        0 => Ok(()),
        refused => Err(ImportError::LinesRefused(refused).into()),
    }
}

/// A progress bar over the bytes read.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_bar} {percent:>3} % {eta:>4} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Import<'_> {
    async fn read(&mut self, mut reader: Reader<File>) -> Result<(), CommandError> {
        let columns = columns(&mut reader)?;
        let mut record = StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => return self.flush().await,
                Ok(true) => match self.lines.user(&record, &columns) {
                    Ok(user) => self.batch.push((line_number(record.position()), user)),
                    Err(reason) => self.refuse(line_number(record.position()), reason),
                },
                // An I/O error concerns the whole file, not this line.
                Err(error) if error.is_io_error() => return Err(ImportError::from(error).into()),
                Err(error) => self.refuse(line_number(error.position()), unreadable(&error)),
            }
            self.progress.set_position(reader.position().byte());
            if self.batch.len() == BATCH {
                self.flush().await?;
            }
        }
    }

    async fn flush(&mut self) -> Result<(), CommandError> {
        let (numbers, users): (Vec<u64>, Vec<NewUser>) = self.batch.drain(..).unzip();
        let outcome = self.users.import(self.actor, users, self.mode).await?;
        for (number, imported) in numbers.into_iter().zip(outcome) {
            match imported {
                Ok(Imported::Added) => self.report.added += 1,
                Ok(Imported::AlreadyThere) => self.report.already_there += 1,
                Err(failure) => self.refuse(number, failure.to_string()),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, reason: String) {
        self.report.refused.push(Refused { line, reason });
    }
}

/// The columns named by the first line. Fails if one is unknown or `subject` is missing.
pub(super) fn columns<R: Read>(reader: &mut Reader<R>) -> Result<StringRecord, ImportError> {
    let columns = reader.headers()?.clone();
    let is_known = |column: &str| COLUMNS.contains(&column);
    if columns.iter().all(is_known) && columns.iter().any(|column| column == "subject") {
        Ok(columns)
    } else {
        Err(ImportError::Columns(&COLUMNS))
    }
}

/// Parses lines into users and rejects duplicate identities.
pub(super) struct Lines {
    /// The issuer of lines without one: the only configured issuer.
    only_issuer: Option<String>,
    /// The line on which each identity first occurred.
    seen: HashMap<(String, String), u64>,
}

impl Lines {
    pub(super) fn new(only_issuer: Option<String>) -> Self {
        Self { only_issuer, seen: HashMap::new() }
    }

    /// The user that a record describes, or the reason for its rejection.
    pub(super) fn user(&mut self, record: &StringRecord, columns: &StringRecord) -> Result<NewUser, String> {
        let number = line_number(record.position());
        let line: ImportRow = record.deserialize(Some(columns)).map_err(|error| unreadable(&error))?;
        let ImportRow { issuer, subject, display_name, given_name, family_name, locale, .. } = line;
        let issuer = issuer.or_else(|| self.only_issuer.clone()).ok_or("`issuer` is missing.")?;
        // A map entry rather than a comparison of line numbers: records that end in a bare carriage return share one line number.
        match self.seen.entry((issuer.clone(), subject.clone())) {
            Entry::Occupied(first) => return Err(format!("The identity is already on line {}.", first.get())),
            Entry::Vacant(place) => place.insert(number),
        };
        let names = [
            (ProfileField::DisplayName, display_name),
            (ProfileField::GivenName, given_name),
            (ProfileField::FamilyName, family_name),
            (ProfileField::Locale, locale),
        ];
        let profile = names.into_iter().filter(|(_, value)| value.is_some());
        let roles: BTreeSet<String> =
            line.roles.iter().flat_map(|roles| roles.split_whitespace()).map(str::to_owned).collect();
        Ok(NewUser {
            profile: profile.fold(ProfileEdit::default(), |edit, (field, value)| edit.with(field, value)),
            username: line.username,
            email: line.email,
            expires_at: line.expires_at.as_deref().map(time).transpose()?.map(ClientTime::utc),
            identities: vec![NewIdentity { issuer, subject }],
            roles: (!roles.is_empty()).then_some(roles),
        })
    }
}

impl Report {
    fn print(&mut self, mode: ImportMode, json: bool) -> Result<(), CommandError> {
        self.refused.sort_by_key(|refused| refused.line);
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for Refused { line, reason } in &self.refused {
            eprintln!("line {line}: {reason}");
        }
        let prefix = if mode == ImportMode::DryRun { "dry run, no changes made: " } else { "" };
        let Self { added, already_there, refused } = self;
        println!("{prefix}{added} added, {already_there} already present, {} rejected", refused.len());
        Ok(())
    }
}

fn line_number(position: Option<&Position>) -> u64 {
    position.map_or(0, Position::line)
}

fn time(text: &str) -> Result<ClientTime, String> {
    text.parse().map_err(|must_be| format!("`expires_at` must be {must_be}."))
}

/// Why a record cannot be parsed. The library's own message would repeat the file's content.
fn unreadable(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("Expected {expected_len} fields, found {len}.")
        }
        csv::ErrorKind::Utf8 { .. } => "The line is not valid UTF-8.".to_owned(),
        _ => "The line does not match the named columns.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_identity_is_rejected_with_every_line_ending() {
        for end in ["\n", "\r\n", "\r"] {
            let file = ["issuer,subject", "https://issuer.test,alice", "https://issuer.test,alice"].join(end);
            let mut reader = Reader::from_reader(file.as_bytes());
            let columns = columns(&mut reader).unwrap();
            let mut lines = Lines::new(None);
            let accepted =
                reader.into_records().filter(|record| lines.user(record.as_ref().unwrap(), &columns).is_ok());
            assert_eq!(accepted.count(), 1, "{end:?}");
        }
    }
}
