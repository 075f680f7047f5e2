//! A PostgreSQL server of a test's own, for what would disturb the tests beside it: it is stopped, starts again and becomes a standby.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A server, which ends with this value and all that is in it.
pub struct OwnServer {
    process: Child,
    url: String,
    control: String,
}

impl OwnServer {
    /// Starts one, by the same script as the server of all tests.
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/with-postgres");
        // It lasts as long as its command, which lasts as long as the pipe that it reads.
        let tell = r#"printf '%s\n' "$PORTCULLIS_TEST_DATABASE" "$PORTCULLIS_TEST_SERVER"; exec cat >/dev/null"#;
        let mut command = Command::new(script);
        command.args(["sh", "-c", tell]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut line = || told.next().expect("the server starts");
        let (url, control) = (line(), line());
        Self { process, url, control }
    }

    /// The address of its first database, with the right to make others.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it as a crash would: whoever is connected loses the connection, whatever was not written is gone.
    pub fn crash(&self) {
        self.tell("crash");
    }

    /// Starts it again.
    pub fn start_again(&self) {
        self.tell("start");
    }

    /// Starts it again as a standby, which can only be read, until `pg_promote` makes a primary of it.
    pub fn start_again_as_standby(&self) {
        self.tell("start-as-standby");
    }

    fn tell(&self, what: &str) {
        assert!(Command::new(&self.control).arg(what).stdout(Stdio::null()).status().unwrap().success(), "{what}");
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
