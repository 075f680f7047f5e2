//! `portcullis health`: checks the health of the running service, for container engines and scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cli::error::{CommandError, HealthError};
use crate::config::Config;

/// Longer than any check takes. Container engines usually apply a shorter timeout of their own.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Arguments {
    /// The check to run.
    #[arg(value_enum, default_value_t = Check::Ready)]
    check: Check,
}

#[derive(Clone, Copy, ValueEnum)]
enum Check {
    /// The service can handle requests.
    Ready,
    /// The process is running.
    Live,
    /// Startup is complete.
    Startup,
}

pub(super) async fn run(config: &Config, arguments: Arguments) -> Result<(), CommandError> {
    let address = reachable(config.server.bind);
    let path = match arguments.check {
        Check::Ready => "ready",
        Check::Live => "live",
        Check::Startup => "startup",
    };
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(HealthError::Client)?;
    let response = client.get(format!("http://{address}/health/{path}")).send().await;
    let response = response.map_err(|cause| HealthError::NoAnswer { address, cause })?;
    let status = response.status();
    let body = response.bytes().await.map_err(|cause| HealthError::NoAnswer { address, cause })?;
    print_checks(&serde_json::from_slice(&body).unwrap_or_default());
    if status.is_success() { Ok(()) } else { Err(HealthError::Unhealthy { address, status }.into()) }
}

/// The address at which this machine reaches a service bound to `bind`: loopback if it is bound to all addresses.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

/// Prints one line per check: its name, its issuer if any, its state.
fn print_checks(health: &Value) {
    for check in health["checks"].as_array().into_iter().flatten() {
        let mark = if check["passed"] == true { "ok  " } else { "FAIL" };
        let words = ["name", "issuer", "state"].map(|member| check[member].as_str().unwrap_or_default());
        println!("{mark} {}", words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_bound_to_all_addresses_is_reached_on_loopback() {
        for (bind, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(reachable(bind.parse().unwrap()).to_string(), expected);
        }
    }
}
