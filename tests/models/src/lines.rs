//! The log: when the writer sleeps and no wake-up is pending, no buffer holds a line, not even one of a thread that has ended.

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::telemetry::Lines;

/// `thread::park` and `unpark` with the guarantees of the standard library. (Loom's loses an `unpark` while the thread waits for a lock.)
#[derive(Default)]
struct Parker {
    token: Mutex<bool>,
    is_given: Condvar,
}

impl Parker {
    fn park(&self) {
        let mut token = self.token.lock().unwrap();
        while !*token {
            token = self.is_given.wait(token).unwrap();
        }
        *token = false;
    }

    fn unpark(&self) {
        *self.token.lock().unwrap() = true;
        self.is_given.notify_one();
    }
}

/// One line from each of two threads. With three threads loom explores an impossible order: a `swap` reads a value that an earlier `swap`
/// has already replaced, as if a store had come between the two.
pub(crate) fn none_is_left() {
    const LINES: usize = 2;
    let (lines, parker) = (Arc::new(Lines::new()), Arc::new(Parker::default()));
    let writer = {
        let (lines, parker) = (Arc::clone(&lines), Arc::clone(&parker));
        // As `run`, until all lines are written: a line left behind wakes no writer, which loom reports as a deadlock.
        thread::spawn(move || {
            let mut output = Vec::new();
            while output.len() < LINES {
                while !lines.is_awake() {
                    parker.park();
                }
                lines.round(&mut output);
            }
            output
        })
    };
    let logger = {
        let (lines, parker) = (Arc::clone(&lines), Arc::clone(&parker));
        thread::spawn(move || lines.log(b"a", || parker.unpark()))
    };
    lines.log(b"b", || parker.unpark());
    logger.join().unwrap();
    let mut written = writer.join().unwrap();
    written.sort_unstable();
    assert_eq!(written, b"ab");
}
