//! Several issuers, and an issuers file that makes a service trust them.

use std::path::PathBuf;

use portcullis::Clock;
use portcullis::dev::{Issuer, IssuerOptions};
use tempfile::TempDir;

use super::{AUDIENCE, start_time};

/// An issuers file.
pub struct IssuersFile(TempDir);

impl IssuersFile {
    pub fn new(text: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("issuers.toml")
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }
}

/// An issuer in addition to the service's own.
pub async fn another_issuer() -> Issuer {
    let clock = Clock::manual(start_time());
    Issuer::start(IssuerOptions { clock, ..IssuerOptions::new(AUDIENCE) }).await.unwrap()
}

/// The block of an issuer, with these lines in it.
pub fn block(issuer: &Issuer, name: &str, lines: &str) -> String {
    let url = issuer.url();
    format!("[[issuer]]\nissuer = '{url}'\nname = '{name}'\naudiences = ['{AUDIENCE}']\n{lines}\n")
}
