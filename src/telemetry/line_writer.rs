//! Standard output that a request never waits for.
//!
//! Each thread appends to a buffer of its own, and one thread writes them all out every few milliseconds while there is something to write:
//! no lock that workers share, no system call and no waking of a thread per line. Lines of one thread keep their order; those of two threads
//! may trade places within these milliseconds, and each has its time. Where nobody reads the output, lines past a bound are dropped,
//! counted, and the count is logged.

mod shared;

use std::io::{self, Write};
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64};
use shared::{Buffer, Shared, append};

/// How long a line may wait for others.
const GATHERING: Duration = Duration::from_millis(10);

static SHARED: Shared = Shared {
    buffers: Mutex::new(Vec::new()),
    output: Mutex::new(()),
    is_awake: AtomicBool::new(false),
    dropped: AtomicU64::new(0),
};

/// The thread that writes.
static WRITER: OnceLock<Thread> = OnceLock::new();

thread_local! {
    static OWN: Buffer = SHARED.buffer();
}

/// How many lines were dropped because nobody read the output.
pub(crate) fn dropped_lines() -> u64 {
    SHARED.dropped_lines()
}

/// Writes out all that was logged so far.
pub(crate) fn flush() {
    SHARED.write_out(&mut io::stdout().lock());
}

/// Appends whole lines to the buffer of the current thread.
#[derive(Clone, Copy)]
pub(super) struct LineWriter;

impl LineWriter {
    /// Starts the thread that writes, once per process.
    pub(super) fn start() -> Self {
        WRITER.get_or_init(|| {
            let started = thread::Builder::new().name("log".to_owned()).spawn(run);
            // Without a thread of its own, what is logged is written by whoever flushes.
            started.map_or_else(|_| thread::current(), |handle| handle.thread().clone())
        });
        Self
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A thread that is ending has no buffer any more.
        let kept = OWN.try_with(|own| append(own, line)).unwrap_or(false);
        if !kept {
            SHARED.drop_line();
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
        let dropped = dropped_lines();
        if dropped > told {
            tracing::warn!(dropped = dropped - told, "nobody read the log in time: lines were dropped");
            told = dropped;
        }
    }
}
