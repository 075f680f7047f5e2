//! `.env` in the working folder: settings for a service that is started by hand.
//!
//! The file decides the database and the issuer, also for commands such as `portcullis users grant`. In a folder that others may write,
//! such as `/tmp`, another user could have created it. Therefore the file is read only if it is owned by the current user or root and is
//! writable by its owner only, as ssh requires of its files.

use std::fs::File;
use std::io;

use super::faults::Faults;

const DOT_ENV: &str = ".env";

/// Adds the variables of the file to the process's environment, which takes precedence. An untrusted or unreadable file is a fault.
pub(super) fn load(faults: &mut Faults) {
    // By its path: `dotenvy::dotenv` would also search the parent folders, which may belong to another user.
    let file = match File::open(DOT_ENV) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(_) => return faults.add(DOT_ENV, "readable, or absent"),
    };
    // The metadata of the open file, so that the file cannot be replaced between check and read.
    if !file.metadata().is_ok_and(|metadata| is_trusted(&metadata)) {
        return faults.add(DOT_ENV, "owned by the user who runs this or by root, and writable by its owner only");
    }
    if dotenvy::from_read(file).is_err() {
        faults.add(DOT_ENV, "UTF-8 lines of the form NAME=value, with quotes around values that contain spaces");
    }
}

#[cfg(unix)]
fn is_trusted(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    let is_own = metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw();
    is_own && metadata.mode() & 0o022 == 0
}

/// On other systems access follows from the folder.
#[cfg(not(unix))]
fn is_trusted(_: &std::fs::Metadata) -> bool {
    true
}
