//! What the fuzz targets reach of this room: see [`crate::fuzzing`] for what must hold.

use csv::{Reader, StringRecord};

use super::users_import::{Lines, columns};

pub(crate) fn csv_import(file: &[u8]) -> Option<Vec<Result<(String, String), ()>>> {
    let mut reader = Reader::from_reader(file);
    let columns = columns(&mut reader).ok()?;
    let (mut lines, mut record, mut taken) = (Lines::new(None), StringRecord::new(), Vec::new());
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Some(taken),
            Ok(true) => taken.push(lines.person(&record, &columns).map_err(drop).and_then(|person| {
                person.identities.into_iter().next().map(|identity| (identity.issuer, identity.subject)).ok_or(())
            })),
            Err(_) => taken.push(Err(())),
        }
    }
}
