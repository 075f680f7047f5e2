//! Buffered standard output that never blocks a request.
//!
//! Each thread appends to its own buffer, and one writer thread writes all buffers every few milliseconds while there are lines. So a line
//! takes no lock shared by the workers, and usually no system call and no thread wake-up. Lines of one thread keep their order; lines of
//! different threads may swap within these milliseconds, but carry their time. If the output is not read, lines beyond a limit are dropped
//! and counted by kind, and the count is logged. Warnings and errors have a reserve that other lines cannot use, so that a flood of
//! requests does not displace them.

mod shared;

use std::io::{self, Write};
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::ACCESS;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shared::{Buffer, Shared, append};

/// How long the writer collects lines before it writes them.
const BATCH_INTERVAL: Duration = Duration::from_millis(10);
/// The maximum size of a thread's buffer, in bytes.
const LIMIT: usize = 1024 * 1024;
/// The additional bytes for warnings and errors.
const RESERVE: usize = 256 * 1024;

static SHARED: Shared =
    Shared { buffers: Mutex::new(Vec::new()), output: Mutex::new(()), is_awake: AtomicBool::new(false) };

/// The writer thread.
static WRITER: OnceLock<Thread> = OnceLock::new();

/// The number of dropped lines, in the order of [`KINDS`].
static DROPPED: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// The kind of a line, for its buffer limit and the count of dropped lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// A line of the access log.
    Request,
    Error,
    Warning,
    /// Any other line below the level of a warning.
    Other,
}

const KINDS: [(LineKind, &str); 4] = [
    (LineKind::Request, "request"),
    (LineKind::Error, "error"),
    (LineKind::Warning, "warning"),
    (LineKind::Other, "other"),
];

impl LineKind {
    fn of(metadata: &Metadata<'_>) -> Self {
        match *metadata.level() {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            _ if metadata.target() == ACCESS => Self::Request,
            _ => Self::Other,
        }
    }

    fn limit(self) -> usize {
        match self {
            Self::Error | Self::Warning => LIMIT + RESERVE,
            Self::Request | Self::Other => LIMIT,
        }
    }

    fn count_dropped(self) {
        if let Some((_, count)) = KINDS.iter().zip(&DROPPED).find(|((kind, _), _)| *kind == self) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

thread_local! {
    static OWN: Buffer = SHARED.buffer();
}

/// The number of dropped lines of each kind.
pub(crate) fn dropped_lines() -> impl Iterator<Item = (&'static str, u64)> {
    KINDS.iter().zip(&DROPPED).map(|((_, word), count)| (*word, count.load(Ordering::Relaxed)))
}

/// Writes all buffered lines.
pub(crate) fn flush() {
    SHARED.write_out(&mut io::stdout().lock());
}

/// Appends whole lines to the buffer of the current thread.
#[derive(Clone, Copy)]
pub(super) struct LineWriter(LineKind);

impl LineWriter {
    /// Starts the writer thread, once per process.
    pub(super) fn start() -> Self {
        WRITER.get_or_init(|| {
            let started = thread::Builder::new().name("log".to_owned()).spawn(run);
            // Without the writer thread, lines are written by `flush` only.
            started.map_or_else(|_| thread::current(), |handle| handle.thread().clone())
        });
        Self(LineKind::Other)
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self {
        Self(LineKind::of(metadata))
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A thread that is ending has no buffer any more.
        let is_buffered = OWN.try_with(|own| append(own, line, self.0.limit())).unwrap_or(false);
        if !is_buffered {
            self.0.count_dropped();
        }
        if SHARED.wake()
            && let Some(writer) = WRITER.get()
        {
            writer.unpark();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run() {
    let mut reported = 0;
    loop {
        while !SHARED.is_awake() {
            thread::park();
        }
        thread::sleep(BATCH_INTERVAL);
        SHARED.round(&mut io::stdout().lock());
        let dropped: u64 = dropped_lines().map(|(_, count)| count).sum();
        if dropped > reported {
            tracing::warn!(dropped = dropped - reported, "log output was not read in time; lines were dropped");
            reported = dropped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_that_is_not_written_stops_growing() {
        let (buffer, line) = (Buffer::default(), vec![b'x'; 1000]);
        let requests = LineKind::Request.limit();
        let kept = (0..2000).filter(|_| append(&buffer, &line, requests)).count();
        assert_eq!(kept, LIMIT / line.len());
        assert!(buffer.lock().unwrap().len() <= LIMIT);
    }

    #[test]
    fn warnings_and_errors_fit_after_requests_have_filled_the_buffer() {
        let buffer = Buffer::default();
        assert!(append(&buffer, &vec![b'x'; LIMIT], LineKind::Request.limit()));
        assert!(!append(&buffer, b"request", LineKind::Request.limit()));
        assert!(append(&buffer, b"error", LineKind::Error.limit()));
        let line = vec![b'x'; 1000];
        let kept = (0..2000).filter(|_| append(&buffer, &line, LineKind::Warning.limit())).count();
        assert!(kept > 0 && buffer.lock().unwrap().len() <= LIMIT + RESERVE, "they are bounded too");
    }

    #[test]
    fn dropped_line_is_counted_by_its_kind() {
        let count = |word| dropped_lines().find(|(kind, _)| *kind == word).unwrap().1;
        let before = (count("error"), count("request"));
        LineKind::Error.count_dropped();
        assert_eq!((count("error"), count("request")), (before.0 + 1, before.1));
    }
}
