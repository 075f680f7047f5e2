//! A program run as an operator runs it: in a folder of its own, with nothing in its environment but what the test sets.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;

use portcullis::dev::Issuer;
use serde_json::Value;
use tempfile::TempDir;

use super::{AUDIENCE, TestApp};

/// A program, not yet run.
pub struct Program {
    path: PathBuf,
    folder: TempDir,
    working_folder: PathBuf,
    vars: Vec<(String, String)>,
}

impl Program {
    /// The `portcullis` command.
    pub fn portcullis() -> Self {
        Self::at(env!("CARGO_BIN_EXE_portcullis").into())
    }

    /// The command on the database of a running service.
    pub fn beside(app: &TestApp) -> Self {
        Self::portcullis().var("DATABASE_URL", &app.database().url())
    }

    /// An example of this package. `cargo test` builds it beside the tests; `cargo test --test api` does not.
    pub fn example(name: &str) -> Self {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
        assert!(path.is_file(), "{} is not there: run `cargo build --example {name}` first", path.display());
        Self::at(path)
    }

    fn at(path: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let working_folder = folder.path().to_owned();
        // The usual address of the metrics is one for the machine, and tests run beside each other.
        let vars = vec![("SERVER_MANAGEMENT_BIND".to_owned(), "off".to_owned())];
        Self { path, folder, working_folder, vars }
    }

    /// Leaves a variable of its environment as it is without this program's tests.
    pub fn unset(mut self, name: &str) -> Self {
        self.vars.retain(|(set, _)| set != name);
        self
    }

    /// Sets a variable of its environment.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Trusts this issuer, and makes its database as it starts.
    pub fn trusting(self, issuer: &Issuer) -> Self {
        let program = self.var("DATABASE_MIGRATE", "true");
        program.var("OIDC_ISSUER", issuer.url()).var("OIDC_AUDIENCE", AUDIENCE)
    }

    /// Runs it in a folder below the one that it would run in.
    pub fn below(mut self, name: &str) -> Self {
        self.working_folder = self.working_folder.join(name);
        std::fs::create_dir(&self.working_folder).unwrap();
        self
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &Path {
        &self.working_folder
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome(self.command(arguments).output().unwrap())
    }

    /// Runs it to its end, with this on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // A program that refuses its arguments ends without reading.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        Outcome(process.wait_with_output().unwrap())
    }

    /// Starts its service on a free port and returns once that listens.
    pub fn serve(self) -> Service {
        let program = self.var("SERVER_BIND", "127.0.0.1:0").var("LOG_FORMAT", "json");
        program.start(&["serve"], |line| {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let url = (event["message"] == "listening").then(|| event["url"].as_str().unwrap().to_owned());
            url.map(|url| vec![url])
        })
    }

    /// As [`serve`](Self::serve), with what it has logged until it listened.
    pub fn serve_with_log(self) -> (Service, String) {
        let log = std::cell::RefCell::new(String::new());
        let program = self.var("SERVER_BIND", "127.0.0.1:0").var("LOG_FORMAT", "json");
        let service = program.start(&["serve"], |line| {
            log.borrow_mut().push_str(line);
            log.borrow_mut().push('\n');
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let url = (event["message"] == "listening").then(|| event["url"].as_str().unwrap().to_owned());
            url.map(|url| vec![url])
        });
        (service, log.into_inner())
    }

    /// Starts `portcullis dev` on free ports and returns once it listens: the service first, the issuer second.
    pub fn develop(self) -> Service {
        self.start(&["dev", "--port", "0", "--issuer-port", "0"], |line| {
            let urls = line.strip_prefix("Portcullis listens on ")?.strip_suffix('.')?;
            Some(urls.split(", its development issuer on ").map(str::to_owned).collect())
        })
    }

    /// Starts it, and returns once it has printed a line of which `listening` makes the addresses that it listens on.
    fn start(self, arguments: &[&str], listening: impl Fn(&str) -> Option<Vec<String>>) -> Service {
        let mut process = Process(self.command(arguments).stdout(Stdio::piped()).spawn().unwrap());
        let mut output = BufReader::new(process.0.stdout.take().unwrap());
        let (urls, told_before) = addresses(&mut output, listening);
        // Read on, so that a full pipe never stops the service.
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Service { urls, told_before, output: told, process, folder: self.folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.working_folder).env_clear();
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The addresses, and what was printed before the line that tells them.
fn addresses(
    output: &mut BufReader<ChildStdout>,
    listening: impl Fn(&str) -> Option<Vec<String>>,
) -> (Vec<String>, String) {
    let mut told = String::new();
    for line in output.lines() {
        let line = line.unwrap();
        if let Some(urls) = listening(&line) {
            return (urls, told);
        }
        told.push_str(&line);
    }
    panic!("the service ended before it listened: {told}")
}

/// How a program ended.
pub struct Outcome(Output);

impl Outcome {
    /// What it printed, when it did what it was told.
    pub fn printed(&self) -> &str {
        assert!(self.0.status.success(), "failed: {}", text(&self.0.stderr));
        text(&self.0.stdout)
    }

    /// Whether it did what it was told.
    pub fn succeeded(&self) -> bool {
        self.0.status.success()
    }

    /// What it printed, whether it succeeded or not.
    pub fn output(&self) -> &str {
        text(&self.0.stdout)
    }

    /// What it said on standard error, when it did not.
    pub fn complaint(&self) -> &str {
        assert!(!self.0.status.success(), "succeeded: {}", text(&self.0.stdout));
        text(&self.0.stderr)
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A service in a process of its own, which ends with this value.
pub struct Service {
    urls: Vec<String>,
    told_before: String,
    output: mpsc::Receiver<String>,
    process: Process,
    folder: TempDir,
}

impl Service {
    /// Its URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.urls[0]
    }

    /// What it printed before it listened.
    pub fn told_before(&self) -> &str {
        &self.told_before
    }

    /// The URL of the issuer beside it.
    pub fn issuer_url(&self) -> &str {
        &self.urls[1]
    }

    /// The first line from here on that is an event of which `is_it` holds, and all lines up to it, with it.
    pub fn logged(&self, is_it: impl Fn(&Value) -> bool) -> (Value, String) {
        let mut lines = String::new();
        for line in self.output.iter() {
            lines.push_str(&line);
            lines.push('\n');
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if is_it(&event) {
                return (event, lines);
            }
        }
        panic!("the service ended before it logged what is waited for: {lines}")
    }

    /// The most that its process has had in memory so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Tells its process to terminate.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its process to end by itself: its exit code, what it logged until then, and its folder.
    pub fn end(mut self) -> (Option<i32>, String, TempDir) {
        let log = self.output.iter().fold(String::new(), |log, line| log + &line + "\n");
        (self.process.0.wait().unwrap().code(), log, self.folder)
    }

    /// Tells it to hang up, and returns once it has logged this.
    pub fn hang_up(&self, message: &str) {
        self.signal("-HUP");
        let is_it = |line: String| serde_json::from_str::<Value>(&line).unwrap_or_default()["message"] == message;
        assert!(self.output.iter().any(is_it), "the service ended before it logged: {message}");
    }
}

/// Ends with its value, also where a test fails half-way.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
