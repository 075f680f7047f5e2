//! The application: collects routes, permissions and migrations, and serves them.
//!
//! It turns a configuration into a running server, and is the only module that knows all the parts.

mod daily_purge;
mod external_changes;
mod issuer_reload;
mod key_set_store;
mod listeners;
mod shutdown;
mod start;
mod start_error;
mod state;
#[cfg(feature = "dev")]
mod steps;

use diesel_migrations::EmbeddedMigrations;

use crate::config::Config;
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::routes;
use crate::routing::catalogue::Catalogue;
use crate::routing::{Api, RegistrationError, RegistrationFault};
use crate::telemetry::{self, LogGuard};

pub use external_changes::ExternalChanges;
pub use issuer_reload::IssuerReload;
pub use start::RunningService;
pub use start_error::StartError;
#[cfg(feature = "dev")]
pub use steps::Steps;

/// Registers routes. Called once per worker and once for the catalogue.
pub(crate) type Registrar = fn(&mut Api);

/// A service built on Portcullis, with its own routes, permissions and tables in addition to the built-in ones.
///
/// ```no_run
/// # use std::process::ExitCode;
/// use portcullis::Application;
///
/// fn main() -> ExitCode {
///     // The service as it is, with all its subcommands.
///     Application::new().run()
/// }
/// ```
pub struct Application {
    registrars: Vec<Registrar>,
    permissions: Vec<Permission>,
    migrations: Vec<EmbeddedMigrations>,
}

impl Default for Application {
    fn default() -> Self {
        Self::new()
    }
}

impl Application {
    /// The service itself, with nothing added.
    pub fn new() -> Self {
        Self { registrars: vec![routes::register], permissions: Vec::new(), migrations: Vec::new() }
    }

    /// Declares permissions in addition to the built-in ones. Tokens can delegate them at once. The role `admin` grants all of them;
    /// another role grants one if the table `role_permissions` has a row with both names, which a [migration](Self::migrations) can add.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = Permission>) -> Self {
        self.permissions.extend(permissions);
        self
    }

    /// Adds routes.
    pub fn routes(mut self, register: fn(&mut Api)) -> Self {
        self.registrars.push(register);
        self
    }

    /// Adds migrations, which run together with the built-in ones, in the order of the versions. Their versions must differ from the
    /// built-in versions, which are dates with a number (`2026-11-24-000001`).
    pub fn migrations(mut self, migrations: EmbeddedMigrations) -> Self {
        self.migrations.push(migrations);
        self
    }

    pub(crate) fn declared_permissions(&self) -> Result<DeclaredPermissions, RegistrationError> {
        DeclaredPermissions::new(self.permissions.iter().copied())
            .map_err(|duplicate| RegistrationError::new(vec![RegistrationFault::PermissionTwice(duplicate)]))
    }

    pub(crate) fn catalogue(
        &self,
        declared: &DeclaredPermissions,
        scope_prefix: &str,
    ) -> Result<Catalogue, RegistrationError> {
        Catalogue::new(collect(&self.registrars), declared, scope_prefix)
    }

    pub(crate) fn own_migrations(&self) -> &[EmbeddedMigrations] {
        &self.migrations
    }
}

/// Starts logging to standard output, as the command line does, and exporting traces if configured. For programs that start the
/// application themselves. Does nothing if a global subscriber is already installed.
pub fn init_telemetry(config: &Config) -> LogGuard {
    telemetry::start(&config.log, config.traces.as_ref())
}

/// Returns every route of these registrars.
fn collect(registrars: &[Registrar]) -> Api {
    let mut api = Api::default();
    registrars.iter().for_each(|register| register(&mut api));
    api
}
