//! The issuers as they are trusted now, and how they are read again without a restart.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use super::StartError;
use super::key_set_store::DatabaseKeySetStore;
use crate::Clock;
use crate::config::{ConfigError, OidcConfig};
use crate::database::Database;
use crate::oidc::{
    IntrospectionClient, IssuerSettings, KeySet, KeySetStore, ProviderClient, SignInPlace, TrustedIssuers,
};

/// Reads the issuers' file again. Cheap to clone.
#[derive(Clone)]
pub struct IssuerReload(Arc<Inner>);

struct Inner {
    config: OidcConfig,
    issuers: TrustedIssuers,
    key_sets: KeySetMaker,
    turn: Mutex<()>,
}

impl IssuerReload {
    /// Trusts the issuers of `config` and starts to fetch their keys.
    pub(super) fn start(config: OidcConfig, database: &Database, clock: &Clock) -> Result<Self, StartError> {
        let client = ProviderClient::new().map_err(|cause| StartError::ProviderClient(cause.into()))?;
        let introspection = IntrospectionClient::new(client.clone(), clock.clone())
            .map_err(|cause| StartError::ProviderClient(cause.into()))?;
        let store = Arc::new(DatabaseKeySetStore::new(database.clone()));
        let key_sets = KeySetMaker { client, store, clock: clock.clone() };
        config.issuers.iter().for_each(log_relaxed_checks);
        let issuers = config.issuers.iter().map(|settings| (settings.clone(), key_sets.make(settings)));
        let issuers = TrustedIssuers::new(issuers, introspection);
        Ok(Self(Arc::new(Inner { config, issuers, key_sets, turn: Mutex::default() })))
    }

    /// Where the first issuer signs people in, for whoever has to send them there.
    pub(super) fn sign_in_place(&self) -> Option<SignInPlace> {
        let KeySetMaker { client, clock, .. } = &self.0.key_sets;
        let first = self.0.config.issuers.first()?;
        Some(SignInPlace::new(first, client.clone(), clock.clone()))
    }

    pub(super) fn issuers(&self) -> &TrustedIssuers {
        &self.0.issuers
    }

    /// Trusts what the file says now. Keys of an issuer that is asked as before are kept; the tokens of one that is gone are refused
    /// from now on.
    ///
    /// # Errors
    ///
    /// If the file can't be used: then everything stays as it was. All faults at once, which are logged too.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime, on which keys are fetched.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let Inner { config, issuers, key_sets, turn } = &*self.0;
        // One after the other: what was read last is trusted last.
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = config.read_again().inspect_err(|error| {
            tracing::error!(%error, "the issuers can't be read again: those from before stay");
        })?;
        let with_keys = |settings: IssuerSettings| {
            let keys = issuers.keys_of(&settings).unwrap_or_else(|| key_sets.make(&settings));
            (settings, keys)
        };
        settings.iter().for_each(log_relaxed_checks);
        issuers.replace(settings.into_iter().map(with_keys));
        tracing::info!(issuers = ?issuers.canonical_issuers(), "the issuers were read again");
        Ok(())
    }

    /// Reloads whenever the process is told to hang up, until the handle is used.
    #[cfg(unix)]
    pub(super) fn on_hangup(&self) -> std::io::Result<AbortHandle> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut hangup = signal(SignalKind::hangup())?;
        let reload = self.clone();
        let reloading = tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                // Whoever sent the signal reads the log, where it has been told.
                let _ = reload.reload();
            }
        });
        Ok(reloading.abort_handle())
    }

    /// There is no such signal on this system.
    #[cfg(not(unix))]
    pub(super) fn on_hangup(&self) -> std::io::Result<AbortHandle> {
        Ok(tokio::spawn(std::future::pending::<()>()).abort_handle())
    }
}

/// Settings that widen what is accepted are told whenever they take effect.
fn log_relaxed_checks(settings: &IssuerSettings) {
    let issuer = settings.issuer.as_str();
    for exception in settings.relaxed_checks() {
        tracing::warn!(issuer, "{exception}");
    }
}

/// What it takes to start fetching an issuer's keys.
struct KeySetMaker {
    client: ProviderClient,
    store: Arc<dyn KeySetStore>,
    clock: Clock,
}

impl KeySetMaker {
    fn make(&self, settings: &IssuerSettings) -> KeySet {
        KeySet::start(settings, self.client.clone(), Arc::clone(&self.store), self.clock.clone())
    }
}
