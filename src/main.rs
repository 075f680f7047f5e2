//! The `portcullis` command: the service without extensions.

use std::process::ExitCode;

use portcullis::Application;

fn main() -> ExitCode {
    Application::new().run()
}
