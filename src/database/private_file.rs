//! Keeps the files of a SQLite database private: they hold personal data, encrypted sessions and keys.
//!
//! SQLite creates the database file with the mode of the umask, which usually lets every user read it, and gives its companion files
//! (`-wal`, `-shm`) the mode of the database file. So the database file is created here with owner-only access before SQLite opens it. A
//! mode that an operator has set is kept and reported.

use std::ffi::OsString;
use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The suffixes of the database file and of its companion files.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// Creates the file, empty and with owner-only access. An existing file is not even opened: closing it would release the locks that SQLite
/// holds on it in this process (fcntl locks belong to the process, not to the descriptor).
pub(super) fn create(file: &Path) -> io::Result<()> {
    match owner_only(OpenOptions::new().write(true).create_new(true)).open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Returns the files of the database that users other than their owner can access.
pub(super) fn open_to_others(file: &Path) -> Vec<PathBuf> {
    let name = |suffix: &str| {
        let mut name = OsString::from(file);
        name.push(suffix);
        PathBuf::from(name)
    };
    let is_open = |file: &PathBuf| file.metadata().is_ok_and(|metadata| is_open_to_others(&metadata));
    SUFFIXES.into_iter().map(name).filter(is_open).collect()
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0
}

/// On other systems the folder determines the access.
#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}
