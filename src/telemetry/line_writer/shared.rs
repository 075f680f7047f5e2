//! The state shared by the logging threads and the writer thread, independent of the output.
//!
//! A line is in its buffer before it wakes the writer, and the writer marks itself asleep before it empties the buffers. So a line is
//! either written by the current round, or wakes the writer for the next one.

use std::io::Write;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) type Buffer = Arc<Mutex<Vec<u8>>>;

pub(super) struct Shared {
    /// The buffers of all running threads that have logged.
    pub(super) buffers: Mutex<Vec<Buffer>>,
    /// Held while the buffers are written.
    pub(super) output: Mutex<()>,
    pub(super) is_awake: AtomicBool,
}

impl Shared {
    /// Creates the buffer of the current thread.
    pub(super) fn buffer(&self) -> Buffer {
        let buffer = Buffer::default();
        lock(&self.buffers).push(Arc::clone(&buffer));
        buffer
    }

    /// Has to be called after a line was added to a buffer. Returns whether the writer was asleep and has to be woken.
    pub(super) fn wake(&self) -> bool {
        !self.is_awake.swap(true, Ordering::AcqRel)
    }

    /// Whether a line may be waiting.
    pub(super) fn is_awake(&self) -> bool {
        self.is_awake.load(Ordering::Acquire)
    }

    /// Writes all lines buffered before the call. For the writer thread.
    pub(super) fn round(&self, output: &mut impl Write) {
        // Comes before the buffers are read: a later line wakes the writer again.
        self.is_awake.store(false, Ordering::Release);
        self.write_out(output);
    }

    /// Writes all lines buffered before the call.
    pub(super) fn write_out(&self, output: &mut impl Write) {
        let _turn = lock(&self.output);
        let buffers: Vec<Buffer> = {
            let mut buffers = lock(&self.buffers);
            let listed = buffers.clone();
            // Two references, the list's and its clone's, mean that the thread has ended: its buffer is written once more and removed.
            buffers.retain(|buffer| Arc::strong_count(buffer) > 2);
            listed
        };
        for buffer in buffers {
            // Unlocked before the write: the output may be slow.
            let lines = std::mem::take(&mut *lock(&buffer));
            // Fails if the output is closed, which cannot be reported.
            let _ = output.write_all(&lines);
        }
        let _ = output.flush();
    }
}

/// Appends a line if the buffer then has at most `limit` bytes. Returns whether it did.
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
