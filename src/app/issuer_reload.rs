//! The trusted issuers, and their reload without a restart.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use super::StartError;
use super::key_set_store::DatabaseKeySetStore;
use crate::Clock;
use crate::config::{ConfigError, OidcConfig};
use crate::database::Database;
use crate::oidc::{
    IntrospectionClient, IssuerSettings, KeySet, KeySetStore, ProviderClient, RelyingParties, SignInPlace,
    TrustedIssuers,
};

/// Reloads the issuers file. Cheap to clone.
#[derive(Clone)]
pub struct IssuerReload(Arc<Inner>);

struct Inner {
    config: OidcConfig,
    issuers: TrustedIssuers,
    relying_parties: RelyingParties,
    key_sets: KeySetMaker,
    reloading: Mutex<()>,
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
        let relying_parties = RelyingParties::new(issuers.clone(), key_sets.client.clone(), clock.clone());
        Ok(Self(Arc::new(Inner { config, issuers, relying_parties, key_sets, reloading: Mutex::default() })))
    }

    /// The sign-in endpoint of the first issuer, for the documentation page.
    pub(super) fn sign_in_place(&self) -> Option<SignInPlace> {
        let KeySetMaker { client, clock, .. } = &self.0.key_sets;
        let first = self.0.config.issuers.first()?;
        Some(SignInPlace::new(first, client.clone(), clock.clone()))
    }

    pub(super) fn issuers(&self) -> &TrustedIssuers {
        &self.0.issuers
    }

    pub(super) fn relying_parties(&self) -> &RelyingParties {
        &self.0.relying_parties
    }

    /// Replaces the trusted issuers with those in the file. An issuer whose key source is unchanged keeps its keys; tokens of a removed
    /// issuer are rejected from now on.
    ///
    /// # Errors
    ///
    /// If the file is invalid. The previous issuers stay trusted. The error lists all faults, which are also logged.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime, which is needed to fetch keys.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let Inner { config, issuers, relying_parties, key_sets, reloading } = &*self.0;
        // Reloads are serialized, so the file that was read last wins.
        let _guard = reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = config.read_again().inspect_err(|error| {
            tracing::error!(%error, "failed to reload the issuers; the previous issuers stay trusted");
        })?;
        let with_keys = |settings: IssuerSettings| {
            let keys = issuers.keys_of(&settings).unwrap_or_else(|| key_sets.make(&settings));
            (settings, keys)
        };
        settings.iter().for_each(log_relaxed_checks);
        issuers.replace(settings.into_iter().map(with_keys));
        relying_parties.reload();
        tracing::info!(issuers = ?issuers.canonical_issuers(), "reloaded the issuers");
        Ok(())
    }

    /// Reloads on SIGHUP until the returned handle is aborted.
    #[cfg(unix)]
    pub(super) fn on_hangup(&self) -> std::io::Result<AbortHandle> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut hangup = signal(SignalKind::hangup())?;
        let reload = self.clone();
        let reloading = tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                // `reload` has logged the error.
                let _ = reload.reload();
            }
        });
        Ok(reloading.abort_handle())
    }

    /// Does nothing: this system has no SIGHUP.
    #[cfg(not(unix))]
    pub(super) fn on_hangup(&self) -> std::io::Result<AbortHandle> {
        Ok(tokio::spawn(std::future::pending::<()>()).abort_handle())
    }
}

/// Logs the settings that relax a check, each time they take effect.
fn log_relaxed_checks(settings: &IssuerSettings) {
    let issuer = settings.issuer.as_str();
    for relaxed_check in settings.relaxed_checks() {
        tracing::warn!(issuer, "{relaxed_check}");
    }
}

/// The dependencies of a new key set.
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
