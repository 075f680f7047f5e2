//! Includes `src/telemetry/line_writer/shared.rs`.

#[path = "../../../src/telemetry/line_writer/shared.rs"]
#[allow(dead_code)]
mod shared;

use crate::sync::Mutex;
use crate::sync::atomic::AtomicBool;

/// The interface of the module in the service.
pub(crate) struct Lines(shared::Shared);

impl Lines {
    pub(crate) fn new() -> Self {
        Self(shared::Shared {
            buffers: Mutex::new(Vec::new()),
            output: Mutex::new(()),
            is_awake: AtomicBool::new(false),
        })
    }

    /// Logs a line as a thread that then ends. Calls `unpark` if the writer has to be woken.
    pub(crate) fn log(&self, line: &[u8], unpark: impl Fn()) {
        let own = self.0.buffer();
        assert!(shared::append(&own, line, usize::MAX));
        if self.0.wake() {
            unpark();
        }
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.0.is_awake()
    }

    pub(crate) fn round(&self, output: &mut Vec<u8>) {
        self.0.round(output);
    }
}
