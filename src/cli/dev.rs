//! `portcullis dev`: runs the service and the development issuer on loopback without any setting, and prints tokens to try it with.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;

use crate::Clock;
use crate::app::{Application, init_telemetry};
use crate::cli::error::{CommandError, DevError};
use crate::config::Config;
use crate::dev::{Issuer, IssuerOptions, MACHINE_CLIENT, SESSION_CLIENT, SESSION_SECRET, SPA_CLIENT};
use crate::services::{Actor, Failure, NewServiceAccount, ServiceAccountService};

/// The default port of the development issuer.
const ISSUER_PORT: u16 = 8081;
/// The audience (`aud`) of the development issuer's tokens.
const AUDIENCE: &str = "portcullis-dev";
/// The role of the registered service account: read-only access.
const MACHINE_ROLE: &str = "auditor";
/// The origins of Vite's preview server (4173) and development server (5173).
const APP_ORIGINS: &str = "http://localhost:5173,http://127.0.0.1:5173,http://localhost:4173,http://127.0.0.1:4173";
/// The setting for the metrics address. In development the default is `off`.
const MANAGEMENT_BIND: &str = "SERVER_MANAGEMENT_BIND";
/// How long the issuer may take to answer `dev token`.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Arguments {
    /// The port of the service; 0 picks a free port.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of the development issuer; 0 picks a free port.
    #[arg(long, default_value_t = ISSUER_PORT, global = true)]
    issuer_port: u16,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print a new access token from the running development issuer.
    Token {
        /// The subject of the token.
        subject: TestSubject,
        /// The scopes of the token, separated by spaces; defaults to all scopes.
        #[arg(long)]
        scope: Option<String>,
    },
}

/// The development issuer's users and its registered client.
#[derive(Clone, Copy, ValueEnum)]
enum TestSubject {
    /// A user with the role `admin`.
    Alice,
    /// A user with the role `member`.
    Bob,
    /// A service account with the role `auditor`.
    Reporter,
}

pub(super) async fn run(application: Application, arguments: Arguments) -> Result<(), CommandError> {
    match arguments.command {
        Some(Command::Token { subject, scope }) => Ok(print_token(arguments.issuer_port, subject, scope).await?),
        None => serve(application, arguments.port, arguments.issuer_port).await,
    }
}

async fn serve(application: Application, port: u16, issuer_port: u16) -> Result<(), CommandError> {
    let issuer = start_issuer(&application, issuer_port).await?;
    let issuer_port = issuer.address().port();
    let config = config(port, issuer.url(), &database_url(issuer_port))?;
    let _log = init_telemetry(&config);
    register_machine(&application, &config, issuer.url()).await?;
    let service = application.start(config, Clock::system()).await?;
    print_welcome(service.url(), issuer.url(), issuer_port);
    Ok(service.wait().await?)
}

async fn start_issuer(application: &Application, port: u16) -> Result<Issuer, CommandError> {
    let scopes = application.declared_permissions()?.all().map(|permission| permission.name().to_owned()).collect();
    let options = IssuerOptions {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        api_scopes: scopes,
        ..IssuerOptions::new(AUDIENCE)
    };
    Ok(Issuer::start(options).await.map_err(DevError::from)?)
}

/// The URL of the development service's database, in the working folder. Each issuer has its own: identities belong to one issuer, and the
/// first administrator of a shared database would belong to another one.
fn database_url(issuer_port: u16) -> String {
    match issuer_port {
        ISSUER_PORT => "sqlite://portcullis-dev.db".to_owned(),
        other => format!("sqlite://portcullis-dev-{other}.db"),
    }
}

/// The development configuration. Only the settings for the log, the metrics address and the rate limits come from the environment:
/// a setting meant for a real service must not leak in.
fn config(port: u16, issuer_url: &str, database_url: &str) -> Result<Config, CommandError> {
    let vars = [
        ("SERVER_BIND", format!("127.0.0.1:{port}")),
        // No load balancer has to notice the shutdown.
        ("SERVER_GRACE_SECONDS", "0".to_owned()),
        ("DATABASE_URL", database_url.to_owned()),
        ("DATABASE_MIGRATE", "true".to_owned()),
        ("OIDC_ISSUER", issuer_url.to_owned()),
        ("OIDC_AUDIENCE", AUDIENCE.to_owned()),
        ("OIDC_DOCS_CLIENT_ID", SPA_CLIENT.to_owned()),
        ("CORS_ALLOWED_ORIGINS", APP_ORIGINS.to_owned()),
        ("BOOTSTRAP_ADMIN", format!("{issuer_url} alice")),
        ("OIDC_CLIENT_ID", SESSION_CLIENT.to_owned()),
        ("OIDC_CLIENT_SECRET", SESSION_SECRET.to_owned()),
        // The issuer loses its sign-ins when it stops, so the key need not outlive it.
        ("SESSION_KEY", session_key()?),
        ("SESSION_ALLOWED_ORIGINS", APP_ORIGINS.to_owned()),
    ];
    let vars = vars.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let is_passed_on = |(name, _): &(OsString, OsString)| {
        name.to_str()
            .is_some_and(|name| ["LOG_", "RATE_LIMIT_", MANAGEMENT_BIND].iter().any(|prefix| name.starts_with(prefix)))
    };
    let passed_on: Vec<_> = std::env::vars_os().filter(is_passed_on).collect();
    // Several development services on one machine would compete for the default port.
    let is_unset =
        passed_on.iter().all(|(name, _)| name.to_str().is_none_or(|name| !name.starts_with(MANAGEMENT_BIND)));
    let metrics_off = is_unset.then(|| (MANAGEMENT_BIND.into(), "off".into()));
    Ok(Config::from_vars(vars.into_iter().chain(metrics_off).chain(passed_on))?)
}

fn session_key() -> Result<String, DevError> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| DevError::NoRandomness)?;
    Ok(BASE64_STANDARD.encode(key))
}

/// Registers the issuer's machine client: service accounts are never created from a token.
async fn register_machine(application: &Application, config: &Config, issuer_url: &str) -> Result<(), CommandError> {
    let declared = Arc::new(application.declared_permissions()?);
    let actor = Actor::command_line();
    let database = application.open_database(config)?;
    let accounts = ServiceAccountService::new(database, Clock::system(), declared, vec![issuer_url.to_owned()]);
    let account = NewServiceAccount {
        issuer: issuer_url.to_owned(),
        client_id: MACHINE_CLIENT.to_owned(),
        display_name: "Reporter".to_owned(),
        roles: [MACHINE_ROLE.to_owned()].into(),
    };
    match accounts.register(&actor, account).await {
        // Registered by an earlier run.
        Ok(_) | Err(Failure::Conflict { .. }) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

fn print_welcome(service: &str, issuer: &str, issuer_port: u16) {
    // The path under which the program was started, so that the printed command works from the same folder.
    let program = std::env::args().next().unwrap_or_else(|| "portcullis".to_owned());
    let port = if issuer_port == ISSUER_PORT { String::new() } else { format!(" --issuer-port {issuer_port}") };
    println!(
        "\
Portcullis listens on {service}, its development issuer on {issuer}.

  API documentation   {service}/docs/
  sign in             {service}/auth/login?return_to=/api/v1/me (cookie session)
  alice               an administrator
  bob                 a member
  reporter            a service account with read access
  {SPA_CLIENT}      the client id for single-page apps (code with PKCE, any loopback redirect URI)

Try it:

  TOKEN=$({program} dev token alice{port})
  curl -s -H \"Authorization: Bearer $TOKEN\" {service}/api/v1/me
"
    );
}

/// The part of the issuer's response that is used.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
}

async fn print_token(port: u16, subject: TestSubject, scope: Option<String>) -> Result<(), DevError> {
    let subject = subject.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("subject", &subject)
        .extend_pairs(scope.map(|scope| ("scope", scope)))
        .finish();
    let client = reqwest::Client::builder().no_proxy().timeout(TOKEN_TIMEOUT).build().map_err(DevError::Client)?;
    let request = client
        .post(format!("http://127.0.0.1:{port}/dev/token"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form);
    let response = request.send().await.map_err(|cause| DevError::NoIssuer { port, cause })?;
    let status = response.status();
    let body = response.bytes().await.map_err(|cause| DevError::NoIssuer { port, cause })?;
    let token: TokenResponse = serde_json::from_slice(&body).map_err(|_| DevError::TokenRefused { status })?;
    println!("{}", token.access_token);
    Ok(())
}
