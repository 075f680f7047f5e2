//! The log of the services of this process, at every level.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

static RECORDED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts recording.
pub fn record() {
    let levels = "info,portcullis=trace,actix_http=trace,actix_web=trace";
    let recorder = tracing_subscriber::fmt().with_env_filter(levels).with_ansi(false).with_writer(|| Recorder);
    recorder.try_init().expect("only one test of this process may record");
}

/// Everything recorded so far.
pub fn recorded() -> String {
    String::from_utf8_lossy(&buffer()).into_owned()
}

fn buffer() -> MutexGuard<'static, Vec<u8>> {
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Recorder;

impl io::Write for Recorder {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        buffer().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
