//! What the threads that log and the one that writes share, apart from where the lines go.
//!
//! A line is in its buffer before it wakes the writer, and the writer goes back to sleep before it empties the buffers: so a line is
//! written by the round that is under way, or wakes the writer for the next.

use std::io::Write;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) type Buffer = Arc<Mutex<Vec<u8>>>;

pub(super) struct Shared {
    /// Those of all threads that have logged and still run.
    pub(super) buffers: Mutex<Vec<Buffer>>,
    /// Held while the buffers are written out.
    pub(super) output: Mutex<()>,
    pub(super) is_awake: AtomicBool,
}

impl Shared {
    /// A buffer for the current thread.
    pub(super) fn buffer(&self) -> Buffer {
        let buffer = Buffer::default();
        lock(&self.buffers).push(Arc::clone(&buffer));
        buffer
    }

    /// To be called once a line is in its buffer. Whether the writer was asleep, and has to be woken.
    pub(super) fn wake(&self) -> bool {
        !self.is_awake.swap(true, Ordering::AcqRel)
    }

    /// Whether there is something to write.
    pub(super) fn is_awake(&self) -> bool {
        self.is_awake.load(Ordering::Acquire)
    }

    /// Writes out all lines that were there before, as the writer.
    pub(super) fn round(&self, output: &mut impl Write) {
        // Before the buffers are looked at: a line that comes later wakes us again.
        self.is_awake.store(false, Ordering::Release);
        self.write_out(output);
    }

    /// Writes out all lines that were there before.
    pub(super) fn write_out(&self, output: &mut impl Write) {
        let _turn = lock(&self.output);
        let buffers: Vec<Buffer> = {
            let mut buffers = lock(&self.buffers);
            let listed = buffers.clone();
            // Ours, and the clone of it: those of threads that have ended are written once more and forgotten.
            buffers.retain(|buffer| Arc::strong_count(buffer) > 2);
            listed
        };
        for buffer in buffers {
            // Let go of before it is written: the output may be slow.
            let lines = std::mem::take(&mut *lock(&buffer));
            // Whoever reads the log has gone: there is nobody to tell.
            let _ = output.write_all(&lines);
        }
        let _ = output.flush();
    }
}

/// Appends a line where the buffer then has at most `limit` bytes, and says whether it does.
pub(super) fn append(buffer: &Buffer, line: &[u8], limit: usize) -> bool {
    let mut buffer = lock(buffer);
    let fits = buffer.len() + line.len() <= limit;
    if fits {
        buffer.extend_from_slice(line);
    }
    fits
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
