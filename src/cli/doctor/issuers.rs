//! Checks of each issuer, with the requests that the service makes.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use super::report::Report;
use crate::Clock;
use crate::app::StartError;
use crate::oidc::{
    IntrospectionClient, IssuerSettings, KeySet, KeySetCondition, KeySetStore, ProviderClient, StoreError,
    StoredKeySet, TrustedIssuers,
};

/// Fetches each issuer's key set and, where introspection is configured, looks up its introspection endpoint.
pub(super) async fn examine(
    settings: &[IssuerSettings],
    clock: &Clock,
    report: &mut Report,
) -> Result<TrustedIssuers, StartError> {
    let client = ProviderClient::new().map_err(|cause| StartError::ProviderClient(cause.into()))?;
    let introspection = IntrospectionClient::new(client.clone(), clock.clone())
        .map_err(|cause| StartError::ProviderClient(cause.into()))?;
    let start = |settings: &IssuerSettings| {
        let keys = KeySet::start(settings, client.clone(), Arc::new(NoStore), clock.clone());
        (settings.clone(), keys)
    };
    let started: Vec<_> = settings.iter().map(start).collect();
    join_all(started.iter().map(|(_, keys)| keys.settle())).await;
    for (settings, keys) in &started {
        report_key_set(settings, keys, report);
    }
    let issuers = TrustedIssuers::new(started, introspection);
    for (name, endpoint) in issuers.introspection_endpoints().await {
        match endpoint {
            Ok(url) => report.passed(format!("issuer {name}"), format!("the introspection endpoint is {url}")),
            Err(error) => report.fault(format!("issuer {name}"), error),
        }
    }
    Ok(issuers)
}

fn report_key_set(settings: &IssuerSettings, keys: &KeySet, report: &mut Report) {
    let about = format!("issuer {}", settings.short_name);
    let state = keys.state();
    match (state.condition, state.last_error) {
        (KeySetCondition::Fresh, _) => report.passed(&about, "the key set was fetched and is usable"),
        (_, Some(error)) => report.fault(&about, error),
        (_, None) => report.fault(&about, "the key set could not be fetched"),
    }
    for exception in settings.relaxed_checks() {
        report.warning(&about, exception);
    }
}

/// A store that keeps nothing: the doctor checks what the issuer serves now and leaves no trace.
struct NoStore;

impl KeySetStore for NoStore {
    fn load<'a>(&'a self, _issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        async { Ok(None) }.boxed()
    }

    fn save<'a>(&'a self, _issuer: &'a str, _key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}
