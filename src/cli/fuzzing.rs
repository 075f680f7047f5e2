//! Entry points for the fuzz targets. [`crate::fuzzing`] states the invariants.

use csv::{Reader, StringRecord};

use super::users_import::{Lines, columns};

pub(crate) fn csv_import(file: &[u8]) -> Option<Vec<Result<(String, String), ()>>> {
    let mut reader = Reader::from_reader(file);
    let columns = columns(&mut reader).ok()?;
    let mut lines = Lines::new(None);
    let mut record = StringRecord::new();
    let mut outcomes = Vec::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Some(outcomes),
            Ok(true) => outcomes.push(lines.user(&record, &columns).map_err(drop).and_then(|user| {
                user.identities.into_iter().next().map(|identity| (identity.issuer, identity.subject)).ok_or(())
            })),
            Err(_) => outcomes.push(Err(())),
        }
    }
}
