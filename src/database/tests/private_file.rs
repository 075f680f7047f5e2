//! The access modes of the files of a SQLite database.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::*;

/// The database file of a test and its companion files, which exist while the database is open.
fn files(place: &TestDatabase) -> [PathBuf; 3] {
    let file = place.url().strip_prefix("sqlite://").unwrap().to_owned();
    ["", "-wal", "-shm"].map(|suffix| format!("{file}{suffix}").into())
}

async fn open_and_write(place: &TestDatabase) -> Database {
    let database = Database::open(&config(place)).unwrap();
    database.write(make_counters).await.unwrap();
    database
}

#[tokio::test]
async fn new_database_is_accessible_to_its_owner_only() {
    let place = TestDatabase::file();
    let _open = open_and_write(&place).await;
    for file in files(&place) {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{}", file.display());
    }
    assert!(config(&place).url.files_open_to_others().is_empty());
}

#[tokio::test]
async fn mode_set_by_an_operator_is_kept_and_reported() {
    let place = TestDatabase::file();
    let [file, ..] = files(&place);
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let _open = open_and_write(&place).await;
    for file in files(&place) {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640, "{}", file.display());
    }
    assert_eq!(config(&place).url.files_open_to_others(), files(&place));
}
