//! Bodies that are not received in time.

use actix_web::error::PayloadError;

/// Whether the body timed out. [`app`](crate::app) reports this to the reader as an I/O error.
pub(super) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}
