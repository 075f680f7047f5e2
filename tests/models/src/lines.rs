//! The log: when the writer goes to sleep and nobody has to wake it, no line is left in a buffer, also of a thread that has ended.

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::telemetry::Lines;

/// `thread::park` and `unpark` as the standard library promises them. (Loom's own forgets an `unpark` while the thread waits for a lock.)
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

/// One line of each of two threads. With a third loom tries an order that there is not: it lets a `swap` read what an earlier `swap` has
/// replaced already, as if a store had come between the two.
pub(crate) fn none_is_left() {
    const LINES: usize = 2;
    let (lines, parker) = (Arc::new(Lines::new()), Arc::new(Parker::default()));
    let writer = {
        let (lines, parker) = (Arc::clone(&lines), Arc::clone(&parker));
        // As `run` does it, until all lines are there: where one is left behind nobody wakes it, which loom reports as a deadlock.
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
