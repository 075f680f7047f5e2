//! Standard output that never blocks a request.
//!
//! `tracing_appender::non_blocking` queues each line and writes it on a thread of its own. Warnings and errors have their own queue, so
//! that a flood of requests does not displace them. If the output is not read, lines beyond the limit of a queue are dropped and counted
//! by kind, and the count is logged. Lines of one queue keep their order; lines of different queues may swap within a batch, but carry
//! their time.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

use super::targets::ACCESS;

/// How long lines wait after a write, so that the next write and the next wake-up of the thread serve many lines. Without this pause, they
/// cost more than the rest of a request.
const BATCH_INTERVAL: Duration = Duration::from_millis(10);
/// The size of a batch that is written at once, in bytes.
const BATCH_SIZE: usize = 64 * 1024;
/// The maximum number of queued lines.
const LIMIT: usize = 16 * 1024;
/// The maximum number of queued warnings and errors.
const URGENT_LIMIT: usize = 2 * 1024;

/// The number of dropped lines, in the order of [`KINDS`].
static DROPPED: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];
/// The number of dropped lines that has been logged.
static REPORTED: AtomicU64 = AtomicU64::new(0);

/// The kind of a line, for its queue and the count of dropped lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
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

    fn count_dropped(self) {
        if let Some((_, count)) = KINDS.iter().zip(&DROPPED).find(|((kind, _), _)| *kind == self) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The number of dropped lines of each kind.
pub(crate) fn dropped_lines() -> impl Iterator<Item = (&'static str, u64)> {
    KINDS.iter().zip(&DROPPED).map(|((_, word), count)| (*word, count.load(Ordering::Relaxed)))
}

/// Queues lines for standard output.
pub(super) struct Output {
    urgent: Queue,
    ordinary: Queue,
}

impl Output {
    /// Starts the threads that write. They write what is queued and end when the guards are dropped.
    pub(super) fn start() -> (Self, [WorkerGuard; 2]) {
        Self::over(|| Batch { lines: Vec::new(), output: io::stdout() })
    }

    fn over<W: Write + Send + 'static>(writer: impl Fn() -> W) -> (Self, [WorkerGuard; 2]) {
        let ((urgent, first), (ordinary, second)) = (Queue::new(URGENT_LIMIT, writer()), Queue::new(LIMIT, writer()));
        (Self { urgent, ordinary }, [first, second])
    }

    fn line(&self, kind: LineKind) -> Line<'_> {
        let queue = match kind {
            LineKind::Error | LineKind::Warning => &self.urgent,
            LineKind::Request | LineKind::Other => &self.ordinary,
        };
        Line { queue, kind }
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        self.line(LineKind::Other)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        self.line(LineKind::of(metadata))
    }
}

/// Lines in the order in which they are written.
struct Queue {
    lines: NonBlocking,
    dropped: ErrorCounter,
    /// How many of the dropped lines are counted by kind.
    counted: AtomicUsize,
}

impl Queue {
    fn new(limit: usize, output: impl Write + Send + 'static) -> (Self, WorkerGuard) {
        let (lines, worker) =
            NonBlockingBuilder::default().buffered_lines_limit(limit).lossy(true).thread_name("log").finish(output);
        (Self { dropped: lines.error_counter(), lines, counted: AtomicUsize::new(0) }, worker)
    }
}

/// Queues one line.
pub(super) struct Line<'a> {
    queue: &'a Queue,
    kind: LineKind,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = self.queue.lines.clone().write(line)?;
        // The library does not report which line it dropped. If two threads write at the same time, the kind may be that of the other line.
        let dropped = self.queue.dropped.dropped_lines();
        let next = |counted| (counted < dropped).then_some(counted + 1);
        if self.queue.counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok() {
            self.kind.count_dropped();
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects the lines that are queued at the same time and writes them together.
struct Batch<W> {
    lines: Vec<u8>,
    output: W,
}

impl<W: Write> Batch<W> {
    fn write_out(&mut self) {
        // Fails if the output is closed, which cannot be reported.
        let _ = self.output.write_all(&self.lines).and_then(|()| self.output.flush());
        self.lines.clear();
    }
}

impl<W: Write> Write for Batch<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.len() + line.len() > BATCH_SIZE {
            self.write_out();
        }
        self.lines.extend_from_slice(line);
        Ok(line.len())
    }

    /// Called by the thread when its queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        if !self.lines.is_empty() {
            self.write_out();
            report_dropped();
            thread::sleep(BATCH_INTERVAL);
        }
        Ok(())
    }
}

fn report_dropped() {
    let dropped = dropped_lines().map(|(_, count)| count).sum();
    let reported = REPORTED.fetch_max(dropped, Ordering::Relaxed);
    if dropped > reported {
        tracing::warn!(dropped = dropped - reported, "log output was not read in time; lines were dropped");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// An output that is not read while it is locked.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn count(kind: &str) -> usize {
        let count = dropped_lines().find(|(word, _)| *word == kind).unwrap().1;
        usize::try_from(count).unwrap()
    }

    #[test]
    fn requests_are_dropped_and_counted_if_the_output_is_not_read_and_do_not_displace_errors() {
        const MORE: usize = 100;
        let pipe = Pipe::default();
        let unread = pipe.0.lock().unwrap();
        let (output, workers) = Output::over(|| pipe.clone());
        let write = |kind, line: &[u8], times| (0..times).for_each(|_| output.line(kind).write_all(line).unwrap());
        write(LineKind::Request, b"r", LIMIT + MORE);
        write(LineKind::Error, b"e", MORE);
        write(LineKind::Warning, b"w", URGENT_LIMIT);
        // Each thread may hold one line in addition to its queue.
        let (requests, warnings) = (count("request"), count("warning"));
        assert!((MORE - 1..=MORE).contains(&requests), "{requests}");
        assert!((MORE - 1..=MORE).contains(&warnings), "{warnings}");
        assert_eq!((count("error"), count("other")), (0, 0));

        drop(unread);
        drop(workers);
        let written = pipe.0.lock().unwrap();
        let lines = |line: u8| written.iter().filter(|written| **written == line).count();
        assert_eq!(lines(b'r'), LIMIT + MORE - requests);
        assert_eq!((lines(b'e'), lines(b'w')), (MORE, URGENT_LIMIT - warnings));
    }

    #[test]
    fn lines_of_a_batch_are_written_together() {
        /// Counts the writes.
        #[derive(Default)]
        struct Writes(Vec<usize>);

        impl Write for Writes {
            fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
                self.0.push(lines.len());
                Ok(lines.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let mut batch = Batch { lines: Vec::new(), output: Writes::default() };
        let line = [b'x'; 1024];
        for _ in 0..BATCH_SIZE / line.len() + 1 {
            batch.write_all(&line).unwrap();
        }
        batch.flush().unwrap();
        batch.flush().unwrap();
        assert_eq!(batch.output.0, [BATCH_SIZE, line.len()]);
    }
}
