//! The application: routes, permissions and migrations collected, then served.
//!
//! Configuration goes in, a running server comes out. Here the pieces are wired: nothing else knows them all.

mod answer;
mod cors;
mod daily_purge;
mod external_changes;
mod hosts;
mod issuer_reload;
mod key_set_store;
mod limits;
mod metrics;
mod observe;
mod shutdown;
mod start;
mod state;
#[cfg(feature = "dev")]
mod steps;

use std::process::ExitCode;

use diesel_migrations::EmbeddedMigrations;

use crate::auth::catalogue::Catalogue;
use crate::auth::{Api, RegistrationError, RegistrationFault};
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::{cli, routes};

pub use external_changes::ExternalChanges;
pub use issuer_reload::IssuerReload;
pub use start::{RunningService, StartError};
#[cfg(feature = "dev")]
pub use steps::Steps;

/// Registers routes; runs once in each worker and once for the catalogue.
pub(crate) type Registrar = fn(&mut Api);

/// A service that is built on Portcullis: its own routes, permissions and tables beside the built-in ones.
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

    /// Declares permissions beside the built-in ones. Tokens can delegate them at once. `admin` grants each of them; another role does
    /// once its name and the permission's are a row of the table `role_permissions`, which a [migration](Self::migrations) can add.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = Permission>) -> Self {
        self.permissions.extend(permissions);
        self
    }

    /// Adds routes.
    pub fn routes(mut self, register: fn(&mut Api)) -> Self {
        self.registrars.push(register);
        self
    }

    /// Adds migrations, which run after the built-in ones and whenever those do. Their versions must not collide with ours, which are dates
    /// with a number (`2026-11-24-000001`).
    pub fn migrations(mut self, migrations: EmbeddedMigrations) -> Self {
        self.migrations.push(migrations);
        self
    }

    /// Reads the command line and does what it says; `serve` if it says nothing. Meant to be all of `main`.
    pub fn run(self) -> ExitCode {
        cli::run(self)
    }

    pub(crate) fn declared_permissions(&self) -> Result<DeclaredPermissions, RegistrationError> {
        DeclaredPermissions::new(self.permissions.iter().copied())
            .map_err(|twice| RegistrationError::new(vec![RegistrationFault::PermissionTwice(twice)]))
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

/// Every route of these registrars.
fn collect(registrars: &[Registrar]) -> Api {
    let mut api = Api::default();
    registrars.iter().for_each(|register| register(&mut api));
    api
}
