//! Standard output that a request never waits for.
//!
//! Each thread appends to a buffer of its own, and one thread writes them all out every few milliseconds while there is something to write:
//! no lock that workers share, no system call and no waking of a thread per line. Lines of one thread keep their order; those of two threads
//! may trade places within these milliseconds, and each has its time. Where nobody reads the output, lines past a bound are dropped,
//! counted by kind, and the count is logged. Warnings and errors have a reserve that other lines cannot fill: requests alone, of which
//! anybody can send many, do not push them out.

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

/// How long a line may wait for others.
const GATHERING: Duration = Duration::from_millis(10);
/// How many bytes of a thread wait at the most.
const LIMIT: usize = 1024 * 1024;
/// How many more may be warnings and errors.
const RESERVE: usize = 256 * 1024;

static SHARED: Shared =
    Shared { buffers: Mutex::new(Vec::new()), output: Mutex::new(()), is_awake: AtomicBool::new(false) };

/// The thread that writes.
static WRITER: OnceLock<Thread> = OnceLock::new();

/// Lines that were lost, in the order of [`KINDS`].
static DROPPED: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// What a line is about, as far as its loss matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// The one line of a request.
    Request,
    Error,
    Warning,
    /// Whatever is less grave.
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

/// How many lines of each kind were dropped because nobody read the output.
pub(crate) fn dropped_lines() -> impl Iterator<Item = (&'static str, u64)> {
    KINDS.iter().zip(&DROPPED).map(|((_, word), count)| (*word, count.load(Ordering::Relaxed)))
}

/// Writes out all that was logged so far.
pub(crate) fn flush() {
    SHARED.write_out(&mut io::stdout().lock());
}

/// Appends whole lines to the buffer of the current thread.
#[derive(Clone, Copy)]
pub(super) struct LineWriter(LineKind);

impl LineWriter {
    /// Starts the thread that writes, once per process.
    pub(super) fn start() -> Self {
        WRITER.get_or_init(|| {
            let started = thread::Builder::new().name("log".to_owned()).spawn(run);
            // Without a thread of its own, what is logged is written by whoever flushes.
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
        let kept = OWN.try_with(|own| append(own, line, self.0.limit())).unwrap_or(false);
        if !kept {
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
    let mut told = 0;
    loop {
        while !SHARED.is_awake() {
            thread::park();
        }
        thread::sleep(GATHERING);
        SHARED.round(&mut io::stdout().lock());
        let dropped: u64 = dropped_lines().map(|(_, count)| count).sum();
        if dropped > told {
            tracing::warn!(dropped = dropped - told, "nobody read the log in time: lines were dropped");
            told = dropped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_nobody_empties_stops_growing() {
        let (buffer, line) = (Buffer::default(), vec![b'x'; 1000]);
        let requests = LineKind::Request.limit();
        let kept = (0..2000).filter(|_| append(&buffer, &line, requests)).count();
        assert_eq!(kept, LIMIT / line.len());
        assert!(buffer.lock().unwrap().len() <= LIMIT);
    }

    #[test]
    fn warnings_and_errors_have_room_when_requests_have_filled_the_buffer() {
        let buffer = Buffer::default();
        assert!(append(&buffer, &vec![b'x'; LIMIT], LineKind::Request.limit()));
        assert!(!append(&buffer, b"request", LineKind::Request.limit()));
        assert!(append(&buffer, b"error", LineKind::Error.limit()));
        let line = vec![b'x'; 1000];
        let kept = (0..2000).filter(|_| append(&buffer, &line, LineKind::Warning.limit())).count();
        assert!(kept > 0 && buffer.lock().unwrap().len() <= LIMIT + RESERVE, "they are bounded too");
    }

    #[test]
    fn lost_line_is_counted_by_its_kind() {
        let count = |word| dropped_lines().find(|(kind, _)| *kind == word).unwrap().1;
        let before = (count("error"), count("request"));
        LineKind::Error.count_dropped();
        assert_eq!((count("error"), count("request")), (before.0 + 1, before.1));
    }
}
