//! The doctor's findings, printed as lines or as JSON.

use serde::Serialize;

use crate::cli::table::printable;

/// All findings, in the order of the checks.
#[derive(Default, Serialize)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Finding {
    verdict: Verdict,
    about: String,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// The check passed.
    Ok,
    /// Information only.
    Note,
    /// It works, but should be a deliberate choice.
    Warning,
    /// The check failed.
    Fault,
}

impl Report {
    pub(super) fn passed(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(Verdict::Ok, about, says);
    }

    pub(super) fn note(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(Verdict::Note, about, says);
    }

    pub(super) fn warning(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(Verdict::Warning, about, says);
    }

    pub(super) fn fault(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(Verdict::Fault, about, says);
    }

    pub(super) fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Fault).count()
    }

    /// Prints all findings to standard output.
    pub(super) fn print(&self, json: bool) -> Result<(), serde_json::Error> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for Finding { verdict, about, says } in &self.findings {
            println!("{:<8}{about}: {}", verdict.word(), printable(says));
        }
        Ok(())
    }

    fn add(&mut self, verdict: Verdict, about: impl Into<String>, says: impl Into<String>) {
        self.findings.push(Finding { verdict, about: about.into(), says: says.into() });
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "FAULT",
        }
    }
}
