//! `portcullis health`: asks the running service how it is, for container engines and scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::CommandError;
use crate::config::Config;

/// Longer than any of the checks takes; whoever asks often enough has its own.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Arguments {
    /// What to ask.
    #[arg(value_enum, default_value_t = Question::Ready)]
    question: Question,
}

#[derive(Clone, Copy, ValueEnum)]
enum Question {
    /// Whether it can do its work.
    Ready,
    /// Whether it runs.
    Live,
    /// Whether its start has ended.
    Startup,
}

/// Why the service can't be called healthy.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    #[error("nothing answers on {address}")]
    NoAnswer {
        address: SocketAddr,
        #[source]
        cause: reqwest::Error,
    },
    #[error("{address} answers {status}")]
    Unhealthy { address: SocketAddr, status: reqwest::StatusCode },
    #[error("no client for the service could be made")]
    Client(#[source] reqwest::Error),
}

pub(super) async fn run(config: &Config, arguments: Arguments) -> Result<(), CommandError> {
    let address = reachable(config.server.bind);
    let path = match arguments.question {
        Question::Ready => "ready",
        Question::Live => "live",
        Question::Startup => "startup",
    };
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(HealthError::Client)?;
    let asked = client.get(format!("http://{address}/health/{path}")).send().await;
    let answer = asked.map_err(|cause| HealthError::NoAnswer { address, cause })?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|cause| HealthError::NoAnswer { address, cause })?;
    print_checks(&serde_json::from_slice(&body).unwrap_or_default());
    if status.is_success() { Ok(()) } else { Err(HealthError::Unhealthy { address, status }.into()) }
}

/// Where a service that listens there is reached from this machine: on every address it listens means on loopback too.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

/// One line for each check: its name, whose it is, its state.
fn print_checks(answer: &Value) {
    for check in answer["checks"].as_array().into_iter().flatten() {
        let mark = if check["passed"] == true { "ok  " } else { "FAIL" };
        let words = ["name", "issuer", "state"].map(|member| check[member].as_str().unwrap_or_default());
        println!("{mark} {}", words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_on_loopback() {
        for (bind, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(reachable(bind.parse().unwrap()).to_string(), asked);
        }
    }
}
