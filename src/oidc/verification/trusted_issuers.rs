//! The table of trusted issuers, replaced as a whole when the configuration is reloaded.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use url::Url;

use super::trusted_issuer::TrustedIssuer;
use crate::cache::hit_counter::MemoryReading;
use crate::jose::unique_json::{Json, Object};
use crate::oidc::claims::IssuerPolicy;
use crate::oidc::keys::key_set_state::KeySetState;
use crate::oidc::keys::report::IssuerReport;
use crate::oidc::keys::verdicts::Verdicts;
use crate::oidc::{IntrospectionClient, Introspector, IssuerSettings, KeySet, Rejection};

/// The trusted issuers. Cheap to clone; clones share one table.
#[derive(Clone)]
pub struct TrustedIssuers(Arc<Shared>);

struct Shared {
    table: ArcSwap<Table>,
    client: IntrospectionClient,
    /// Verdicts on tokens whose issuer is not in the table.
    unknown_issuer_verdicts: Verdicts,
}

/// An immutable version of the table.
pub(crate) struct Table {
    /// In the order of the configuration.
    issuers: Vec<Arc<TrustedIssuer>>,
    /// By `iss`, compared octet by octet: the policy of its canonical issuer, and the issuer.
    by_name: HashMap<String, (Arc<IssuerPolicy>, Arc<TrustedIssuer>)>,
}

impl TrustedIssuers {
    /// A table of exactly these `issuers`. If two accept the same `iss`, the first is used. `client` sends introspection requests.
    pub fn new(issuers: impl IntoIterator<Item = (IssuerSettings, KeySet)>, client: IntrospectionClient) -> Self {
        let table = ArcSwap::from_pointee(Table::new(issuers, &client));
        Self(Arc::new(Shared { table, client, unknown_issuer_verdicts: Verdicts::default() }))
    }

    /// Replaces the table by exactly these `issuers`. Verifications in progress still use the former table.
    pub fn replace(&self, issuers: impl IntoIterator<Item = (IssuerSettings, KeySet)>) {
        let former = self.0.table.swap(Arc::new(Table::new(issuers, &self.0.client)));
        former.issuers.iter().for_each(|issuer| issuer.status.dismiss());
    }

    /// The key set of an issuer in the current table that uses the same keys as `settings`.
    pub fn keys_of(&self, settings: &IssuerSettings) -> Option<KeySet> {
        let table = self.0.table.load();
        table.issuers.iter().find(|known| known.settings.has_keys_of(settings)).map(|known| known.keys.clone())
    }

    /// The canonical issuers, in the order of the configuration.
    pub fn canonical_issuers(&self) -> Vec<String> {
        self.0.table.load().issuers.iter().flat_map(|issuer| issuer.settings.canonical_issuers()).collect()
    }

    /// The roles with administrative permissions that tokens of a canonical issuer may give.
    pub fn administrative_roles(&self, canonical: &str) -> BTreeSet<String> {
        let table = self.0.table.load();
        let issuer = table
            .issuers
            .iter()
            .find(|issuer| issuer.settings.canonical_issuers().iter().any(|known| known == canonical));
        issuer.map(|issuer| issuer.settings.mapping.administrative_roles.clone()).unwrap_or_default()
    }

    /// The distinct scope prefixes of the issuers, in the order of the configuration.
    pub fn scope_prefixes(&self) -> Vec<String> {
        let mut prefixes = Vec::new();
        for issuer in &self.0.table.load().issuers {
            if !prefixes.contains(&issuer.settings.scope_prefix) {
                prefixes.push(issuer.settings.scope_prefix.clone());
            }
        }
        prefixes
    }

    /// The state of each issuer's keys, by its short name.
    pub fn key_states(&self) -> Vec<(String, KeySetState)> {
        let table = self.0.table.load();
        table.issuers.iter().map(|issuer| (issuer.settings.short_name.clone(), issuer.keys.state())).collect()
    }

    /// A report on each issuer. The counters are reset when the issuers are reloaded.
    pub fn reports(&self) -> Vec<IssuerReport> {
        self.0.table.load().issuers.iter().map(|issuer| issuer.report()).collect()
    }

    /// The number of verdicts on tokens of unknown issuers, by `accepted` or the rejection's code.
    pub fn stranger_verdicts(&self) -> Vec<(&'static str, u64)> {
        self.0.unknown_issuer_verdicts.counts()
    }

    /// The counters of all introspection caches together.
    pub(crate) fn introspection_memory(&self) -> MemoryReading {
        let table = self.0.table.load();
        let readings = table.issuers.iter().filter_map(|issuer| issuer.introspector()).map(Introspector::memory);
        readings.fold(MemoryReading::default(), |sum, reading| sum + reading)
    }

    /// The counter for verdicts on tokens of unknown issuers.
    pub(crate) fn unknown_issuer_verdicts(&self) -> &Verdicts {
        &self.0.unknown_issuer_verdicts
    }

    /// The introspection endpoint of each issuer that has one configured, by its short name, or the error of its discovery.
    pub async fn introspection_endpoints(&self) -> Vec<(String, Result<Url, String>)> {
        let table = self.table();
        let mut endpoints = Vec::new();
        for issuer in &table.issuers {
            if let Some(introspector) = issuer.introspector() {
                let endpoint =
                    introspector.endpoint().await.map(|url| (*url).clone()).map_err(|error| error.to_string());
                endpoints.push((issuer.settings.short_name.clone(), endpoint));
            }
        }
        endpoints
    }

    /// The number of scopes and roles in these unverified claims, for benchmarks of the mapping.
    #[cfg(feature = "dev")]
    pub fn count_names(&self, unproved_claims: &serde_json::Map<String, serde_json::Value>) -> usize {
        let (table, unproved_claims) = (self.table(), &Object::from(unproved_claims));
        table.issuer_of(unproved_claims).map_or(0, |(policy, issuer)| issuer.count_names(policy, unproved_claims))
    }

    /// The current table, as an owned reference that may be held across awaits.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.0.table.load_full()
    }
}

impl Table {
    fn new(issuers: impl IntoIterator<Item = (IssuerSettings, KeySet)>, client: &IntrospectionClient) -> Self {
        let trusted = |(settings, keys)| Arc::new(TrustedIssuer::new(settings, keys, client));
        let issuers: Vec<_> = issuers.into_iter().map(trusted).collect();
        let mut by_name = HashMap::new();
        for issuer in &issuers {
            for (name, canonical) in issuer.settings.trusted_names() {
                by_name.entry(name).or_insert_with(|| (issuer.terms_of(&canonical), Arc::clone(issuer)));
            }
        }
        Self { issuers, by_name }
    }

    /// The policy of the canonical issuer that `iss` names, and the issuer.
    pub(crate) fn issuer_of(&self, claims: &Object<'_>) -> Result<(&Arc<IssuerPolicy>, &TrustedIssuer), Rejection> {
        let iss = claims.get("iss").and_then(Json::as_str).ok_or(Rejection::UnknownIssuer)?;
        self.by_name.get(iss).map(|(policy, issuer)| (policy, &**issuer)).ok_or(Rejection::UnknownIssuer)
    }

    /// The issuers, in the order of the configuration.
    pub(crate) fn issuers(&self) -> &[Arc<TrustedIssuer>] {
        &self.issuers
    }

    /// The issuer of opaque tokens and its introspector, if one is configured.
    pub(crate) fn issuer_of_opaque(&self) -> Option<(&TrustedIssuer, &Introspector)> {
        self.issuers.iter().find_map(|issuer| Some((&**issuer, issuer.opaque_introspector()?)))
    }

    /// The policy of the canonical issuer in an introspection response from `issuer`. If it has several, one per tenant, the response must
    /// contain `iss` (RFC 7662 section 2.2), because a subject is a different user at each tenant.
    pub(crate) fn policy_of_answer<'a>(
        &'a self,
        issuer: &'a TrustedIssuer,
        answer: &Object<'_>,
    ) -> Result<&'a Arc<IssuerPolicy>, Rejection> {
        if answer.contains_key("iss") {
            let (policy, named) = self.issuer_of(answer)?;
            return if std::ptr::eq(named, issuer) { Ok(policy) } else { Err(Rejection::UnknownIssuer) };
        }
        issuer.only_policy().ok_or(Rejection::UnknownIssuer)
    }
}
