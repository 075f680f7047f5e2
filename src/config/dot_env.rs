//! `.env` of the working folder: settings for people who start the service by hand.
//!
//! Who may write it decides the database and the issuer, also for `portcullis users grant` run by an administrator. In a folder that others
//! may write, such as `/tmp`, that need not be the person who runs the command. So the file counts only if its owner is that person or
//! root and nobody else may write it, as ssh demands of its own.

use std::fs::File;
use std::io;

use super::faults::Faults;

const DOT_ENV: &str = ".env";

/// Adds what the file says to the process's environment, which wins. A file that cannot be trusted or read is a fault.
pub(super) fn load(faults: &mut Faults) {
    // By its path: `dotenvy::dotenv` would go on looking in the folders above, which may be somebody else's.
    let file = match File::open(DOT_ENV) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(_) => return faults.add(DOT_ENV, "readable, or absent"),
    };
    // Of the opened file, so that it cannot be another one by the time it is read.
    if !file.metadata().is_ok_and(|metadata| is_trusted(&metadata)) {
        return faults.add(DOT_ENV, "owned by the user who runs this or by root, and writable by its owner alone");
    }
    if dotenvy::from_read(file).is_err() {
        faults.add(DOT_ENV, "lines of the form NAME=value in UTF-8, with values that hold spaces in quotes");
    }
}

#[cfg(unix)]
fn is_trusted(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    let is_own = metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw();
    is_own && metadata.mode() & 0o022 == 0
}

/// Elsewhere access follows from the folder.
#[cfg(not(unix))]
fn is_trusted(_: &std::fs::Metadata) -> bool {
    true
}
