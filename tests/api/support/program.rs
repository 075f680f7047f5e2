//! A program run as an operator runs it: in its own folder, with only the environment that the test sets.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;

use portcullis::dev::Issuer;
use serde_json::Value;
use tempfile::TempDir;

use super::{AUDIENCE, TestApp};

/// A program that has not been started.
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

    /// The command with the database of a running service.
    pub fn on_database_of(app: &TestApp) -> Self {
        Self::portcullis().var("DATABASE_URL", &app.database().url())
    }

    /// An example of this package. `cargo test` builds it with the tests; `cargo test --test api` does not.
    pub fn example(name: &str) -> Self {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
        assert!(path.is_file(), "{} is missing: run `cargo build --example {name}` first", path.display());
        Self::at(path)
    }

    fn at(path: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let working_folder = folder.path().to_owned();
        // The default address of the metrics exists once per machine, and tests run concurrently.
        let vars = vec![("SERVER_MANAGEMENT_BIND".to_owned(), "off".to_owned())];
        Self { path, folder, working_folder, vars }
    }

    /// Removes a variable that this type sets by default.
    pub fn unset(mut self, name: &str) -> Self {
        self.vars.retain(|(set, _)| set != name);
        self
    }

    /// Sets an environment variable.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Trusts this issuer, and migrates its database at the start.
    pub fn trusting(self, issuer: &Issuer) -> Self {
        let program = self.var("DATABASE_MIGRATE", "true");
        program.var("OIDC_ISSUER", issuer.url()).var("OIDC_AUDIENCE", AUDIENCE)
    }

    /// Runs in a subfolder of its folder.
    pub fn below(mut self, name: &str) -> Self {
        self.working_folder = self.working_folder.join(name);
        std::fs::create_dir(&self.working_folder).unwrap();
        self
    }

    /// The folder in which it runs.
    pub fn folder(&self) -> &Path {
        &self.working_folder
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome(self.command(arguments).output().unwrap())
    }

    /// Runs the program to its end, with this standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // A program that refuses its arguments exits without reading.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        Outcome(process.wait_with_output().unwrap())
    }

    /// Starts the service on a free port and returns once it listens.
    pub fn serve(self) -> Service {
        let program = self.var("SERVER_BIND", "127.0.0.1:0").var("LOG_FORMAT", "json");
        program.start(&["serve"], |line| {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let url = (event["message"] == "listening").then(|| event["url"].as_str().unwrap().to_owned());
            url.map(|url| vec![url])
        })
    }

    /// As [`serve`](Self::serve), with the log up to the moment when it listens.
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

    /// Starts the program and returns once it has printed a line from which `listening` extracts its addresses.
    fn start(self, arguments: &[&str], listening: impl Fn(&str) -> Option<Vec<String>>) -> Service {
        let mut process = Process(self.command(arguments).stdout(Stdio::piped()).spawn().unwrap());
        let mut output = BufReader::new(process.0.stdout.take().unwrap());
        let (urls, startup_output) = addresses(&mut output, listening);
        // Read on, so that a full pipe never stops the service.
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Service { urls, startup_output, output: lines, process, folder: self.folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.working_folder).env_clear();
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The addresses, and the output before the line that contains them.
fn addresses(
    output: &mut BufReader<ChildStdout>,
    listening: impl Fn(&str) -> Option<Vec<String>>,
) -> (Vec<String>, String) {
    let mut output_before = String::new();
    for line in output.lines() {
        let line = line.unwrap();
        if let Some(urls) = listening(&line) {
            return (urls, output_before);
        }
        output_before.push_str(&line);
    }
    panic!("the service ended before it listened: {output_before}")
}

/// The outcome of a program.
pub struct Outcome(Output);

impl Outcome {
    /// Its standard output. Panics if the program failed.
    pub fn printed(&self) -> &str {
        assert!(self.0.status.success(), "failed: {}", text(&self.0.stderr));
        text(&self.0.stdout)
    }

    /// Whether the program succeeded.
    pub fn succeeded(&self) -> bool {
        self.0.status.success()
    }

    /// Its standard output, whether it succeeded or failed.
    pub fn output(&self) -> &str {
        text(&self.0.stdout)
    }

    /// Its standard error. Panics if the program succeeded.
    pub fn stderr(&self) -> &str {
        assert!(!self.0.status.success(), "succeeded: {}", text(&self.0.stdout));
        text(&self.0.stderr)
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A service in its own process, which ends with this value.
pub struct Service {
    urls: Vec<String>,
    startup_output: String,
    output: mpsc::Receiver<String>,
    process: Process,
    folder: TempDir,
}

impl Service {
    /// Its URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.urls[0]
    }

    /// The output before it listened.
    pub fn startup_output(&self) -> &str {
        &self.startup_output
    }

    /// The URL of the development issuer.
    pub fn issuer_url(&self) -> &str {
        &self.urls[1]
    }

    /// The next logged event for which `is_it` is true, and all lines up to and including it.
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
        panic!("the service ended before it logged the expected event: {lines}")
    }

    /// The peak memory of its process so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the process to exit: its exit code, the rest of its log, and its folder.
    pub fn end(mut self) -> (Option<i32>, String, TempDir) {
        let log = self.output.iter().fold(String::new(), |log, line| log + &line + "\n");
        (self.process.0.wait().unwrap().code(), log, self.folder)
    }

    /// Sends SIGHUP, and returns once this message is logged.
    pub fn hang_up(&self, message: &str) {
        self.signal("-HUP");
        let is_it = |line: String| serde_json::from_str::<Value>(&line).unwrap_or_default()["message"] == message;
        assert!(self.output.iter().any(is_it), "the service ended before it logged: {message}");
    }
}

/// A process that is killed when this value is dropped, also when a test fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if the process has exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
