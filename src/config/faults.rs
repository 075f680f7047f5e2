//! The faults of a configuration, collected and reported together.

use std::fmt;

/// Where every variable is documented.
const DOCUMENTED_IN: &str = "docs/configuration.md";

/// One fault: the variable and what it must be. Never contains the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    variable: String,
    must_be: String,
}

impl Fault {
    /// The variable, or its location in the issuers file.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// The rule, as the end of the sentence "… must be …".
    pub fn must_be(&self) -> &str {
        &self.must_be
    }
}

/// An invalid configuration, with all its faults.
#[derive(Clone, Debug, thiserror::Error)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

impl ConfigError {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// All faults, section by section.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "invalid configuration (see {DOCUMENTED_IN}):")?;
        for Fault { variable, must_be } in &self.faults {
            writeln!(f, "  {variable} must be {must_be}")?;
        }
        Ok(())
    }
}

/// Collects faults while the sections are parsed.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, variable: impl Into<String>, must_be: impl Into<String>) {
        self.0.push(Fault { variable: variable.into(), must_be: must_be.into() });
    }

    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError::new(self.0)) }
    }
}
