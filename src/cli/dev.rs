//! `portcullis dev`: the service with the development issuer beside it, on loopback, without any setting; and tokens to try it with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;

use super::CommandError;
use crate::app::Application;
use crate::config::Config;
use crate::dev::{Issuer, IssuerOptions, MACHINE_CLIENT, StartError};
use crate::services::{Actor, Failure, NewServiceAccount, ServiceAccountService};
use crate::{Clock, telemetry};

/// The database of the development service, in the working folder.
const DATABASE_URL: &str = "sqlite://portcullis-dev.db";
/// What the development issuer's tokens carry as `aud`.
const AUDIENCE: &str = "portcullis-dev";
/// The role of the registered machine: reads everything, changes nothing.
const MACHINE_ROLE: &str = "auditor";
/// How long the issuer may take to answer `dev token`.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Arguments {
    /// The port of the service; 0 for a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of the development issuer; 0 for a free one.
    #[arg(long, default_value_t = 8081, global = true)]
    issuer_port: u16,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print a fresh access token from the running development issuer.
    Token {
        /// Whose token.
        subject: Subject,
        /// Scopes to delegate, separated by spaces; all of them if absent.
        #[arg(long)]
        scope: Option<String>,
    },
}

/// Those whom the development issuer knows.
#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// A person who is an administrator.
    Alice,
    /// A person who is a member.
    Bob,
    /// A registered program.
    Reporter,
}

/// What is particular to development.
#[derive(Debug, thiserror::Error)]
pub(super) enum DevError {
    #[error(transparent)]
    Issuer(#[from] StartError),
    #[error("no development issuer answers on 127.0.0.1:{port}: start one with `portcullis dev`")]
    NoIssuer {
        port: u16,
        #[source]
        cause: reqwest::Error,
    },
    #[error("the development issuer answered {status}: is the scope one that it knows?")]
    TokenRefused { status: reqwest::StatusCode },
    #[error("no client for the development issuer could be made")]
    Client(#[source] reqwest::Error),
}

pub(super) async fn run(application: Application, arguments: Arguments) -> Result<(), CommandError> {
    match arguments.command {
        Some(Command::Token { subject, scope }) => Ok(print_token(arguments.issuer_port, subject, scope).await?),
        None => serve(application, arguments.port, arguments.issuer_port).await,
    }
}

async fn serve(application: Application, port: u16, issuer_port: u16) -> Result<(), CommandError> {
    let issuer = start_issuer(&application, issuer_port).await?;
    let config = config(port, issuer.url())?;
    telemetry::start(&config.log);
    register_machine(&application, &config, issuer.url()).await?;
    let service = application.start(config, Clock::system()).await?;
    print_welcome(service.url(), issuer.url());
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

/// Nothing comes from the environment but how to log: a setting meant for a real service must not leak in.
fn config(port: u16, issuer_url: &str) -> Result<Config, CommandError> {
    let mut vars: Vec<(String, String)> = vec![
        ("SERVER_BIND".to_owned(), format!("127.0.0.1:{port}")),
        ("DATABASE_URL".to_owned(), DATABASE_URL.to_owned()),
        ("DATABASE_MIGRATE".to_owned(), "true".to_owned()),
        ("OIDC_ISSUER".to_owned(), issuer_url.to_owned()),
        ("OIDC_AUDIENCE".to_owned(), AUDIENCE.to_owned()),
        ("BOOTSTRAP_ADMIN".to_owned(), format!("{issuer_url} alice")),
    ];
    vars.extend(std::env::vars().filter(|(name, _)| name.starts_with("LOG_")));
    Ok(Config::from_vars(vars)?)
}

/// Programs are never made from a token, so the issuer's machine is registered here as an admin would do it.
async fn register_machine(application: &Application, config: &Config, issuer_url: &str) -> Result<(), CommandError> {
    let declared = Arc::new(application.declared_permissions()?);
    let actor = Actor::command_line(&declared);
    let database = application.open_database(config)?;
    let accounts = ServiceAccountService::new(database, Clock::system(), declared, vec![issuer_url.to_owned()]);
    let account = NewServiceAccount {
        issuer: issuer_url.to_owned(),
        client_id: MACHINE_CLIENT.to_owned(),
        display_name: "Reporter".to_owned(),
        roles: [MACHINE_ROLE.to_owned()].into(),
    };
    match accounts.register(&actor, account).await {
        // It is there since an earlier run.
        Ok(_) | Err(Failure::Conflict { .. }) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

fn print_welcome(service: &str, issuer: &str) {
    println!(
        "\
Portcullis listens on {service}, its development issuer on {issuer}.

  API documentation   {service}/docs/
  alice               an administrator
  bob                 a member
  reporter            a program that may read

Try it:

  TOKEN=$(cargo run -q -- dev token alice)
  curl -s -H \"Authorization: Bearer $TOKEN\" {service}/api/v1/me
"
    );
}

/// What the issuer answers; the rest of it does not matter here.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
}

async fn print_token(port: u16, subject: Subject, scope: Option<String>) -> Result<(), DevError> {
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
