//! A PostgreSQL server for one test that stops and restarts it or makes it a standby, which would disturb other tests.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A server that ends with this value, with all its data.
pub struct OwnServer {
    process: Child,
    url: String,
    control: String,
}

impl OwnServer {
    /// Starts a server with the same script as the server of all tests.
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/with-postgres");
        // The server runs as long as its command, which runs as long as the pipe that it reads.
        let print = r#"printf '%s\n' "$PORTCULLIS_TEST_DATABASE" "$PORTCULLIS_TEST_SERVER"; exec cat >/dev/null"#;
        let mut command = Command::new(script);
        command.args(["sh", "-c", print]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut line = || output.next().expect("the server starts");
        let (url, control) = (line(), line());
        Self { process, url, control }
    }

    /// The URL of its first database, with the right to create others.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it as a crash would: connections are lost, and unwritten data is gone.
    pub fn crash(&self) {
        self.control("crash");
    }

    /// Starts it again.
    pub fn start_again(&self) {
        self.control("start");
    }

    /// Starts it again as a read-only standby, until `pg_promote` makes it a primary.
    pub fn start_again_as_standby(&self) {
        self.control("start-as-standby");
    }

    fn control(&self, what: &str) {
        assert!(Command::new(&self.control).arg(what).stdout(Stdio::null()).status().unwrap().success(), "{what}");
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
