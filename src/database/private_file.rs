//! The files of a SQLite database, kept from other users of the machine: they hold personal data, sealed sessions and keys.
//!
//! SQLite makes the database file as the umask says, which as a rule lets every user read it, and gives its two companions (`-wal`, `-shm`)
//! the mode of the database file. So the database file is made here, for its owner alone, before SQLite opens it. A mode that an operator
//! has set is left alone and reported.

use std::ffi::OsString;
use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What SQLite appends to the name of the database file for the file itself and for its companions.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// Makes the file, empty, for its owner alone. One that exists is not touched: it is not even opened, because closing it would drop the locks
/// that SQLite holds on it in this process (fcntl locks belong to the process, not to the descriptor).
pub(super) fn make(file: &Path) -> io::Result<()> {
    match owner_only(OpenOptions::new().write(true).create_new(true)).open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Those of the database's files to which others than their owner have access.
pub(super) fn open_to_others(file: &Path) -> Vec<PathBuf> {
    let name = |ending: &str| {
        let mut name = OsString::from(file);
        name.push(ending);
        PathBuf::from(name)
    };
    let is_open = |file: &PathBuf| file.metadata().is_ok_and(|metadata| is_open_to_others(&metadata));
    ENDINGS.into_iter().map(name).filter(is_open).collect()
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0
}

/// Elsewhere access follows from the folder.
#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}
