//! The `portcullis` command: the service as it is.

use std::process::ExitCode;

use portcullis::Application;

fn main() -> ExitCode {
    Application::new().run()
}
