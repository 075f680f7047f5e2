//! Each issuer, asked as the service would ask it.

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

/// Asks each issuer for its keys, and those that are asked about tokens for the place to ask.
pub(super) async fn examine(
    settings: &[IssuerSettings],
    clock: &Clock,
    report: &mut Report,
) -> Result<TrustedIssuers, StartError> {
    let client = ProviderClient::new().map_err(|cause| StartError::ProviderClient(cause.into()))?;
    let introspection = IntrospectionClient::new(client.clone(), clock.clone())
        .map_err(|cause| StartError::ProviderClient(cause.into()))?;
    let start = |settings: &IssuerSettings| {
        let keys = KeySet::start(settings, client.clone(), Arc::new(NothingKept), clock.clone());
        (settings.clone(), keys)
    };
    let started: Vec<_> = settings.iter().map(start).collect();
    join_all(started.iter().map(|(_, keys)| keys.settle())).await;
    for (settings, keys) in &started {
        tell(settings, keys, report);
    }
    let issuers = TrustedIssuers::new(started, introspection);
    for (name, place) in issuers.introspection_endpoints().await {
        match place {
            Ok(url) => report.passed(format!("issuer {name}"), format!("it is asked about tokens at {url}")),
            Err(error) => report.fault(format!("issuer {name}"), error),
        }
    }
    Ok(issuers)
}

fn tell(settings: &IssuerSettings, keys: &KeySet, report: &mut Report) {
    let about = format!("issuer {}", settings.short_name);
    let state = keys.state();
    match (state.condition, state.last_error) {
        (KeySetCondition::Fresh, _) => report.passed(&about, "its keys can be had and used"),
        (_, Some(error)) => report.fault(&about, error),
        (_, None) => report.fault(&about, "its keys could not be had"),
    }
    for exception in settings.relaxed_checks() {
        report.warning(&about, exception);
    }
}

/// The doctor wants to see what the issuer serves now, and leaves nothing behind.
struct NothingKept;

impl KeySetStore for NothingKept {
    fn load<'a>(&'a self, _issuer: &'a str) -> BoxFuture<'a, Result<Option<StoredKeySet>, StoreError>> {
        async { Ok(None) }.boxed()
    }

    fn save<'a>(&'a self, _issuer: &'a str, _key_set: StoredKeySet) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}
