//! The issuers whose tokens are taken, as of now: replaced whole when the configuration is read again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use url::Url;

use super::claims::IssuerPolicy;
use super::key_set::KeySetState;
use super::login::RelyingParty;
use super::report::{IssuerReport, Verdicts};
use super::strict_json::{Json, Object};
use super::trusted_issuer::TrustedIssuer;
use super::{IntrospectionClient, Introspector, IssuerSettings, KeySet, Rejection};
use crate::hit_counter::MemoryReading;

/// The issuers whose tokens are taken. Cheap to clone; clones share one table.
#[derive(Clone)]
pub struct TrustedIssuers(Arc<Shared>);

struct Shared {
    table: ArcSwap<Table>,
    client: IntrospectionClient,
    /// On tokens that name nobody in the table.
    strangers: Verdicts,
}

/// One state of the table.
pub(super) struct Table {
    /// In the order of the configuration.
    issuers: Vec<Arc<TrustedIssuer>>,
    /// By `iss`, which is compared octet by octet: the terms of the canonical issuer that it means, and its settings.
    by_name: HashMap<String, (Arc<IssuerPolicy>, Arc<TrustedIssuer>)>,
}

impl TrustedIssuers {
    /// A table of `issuers` and nobody else. Where two have the same name, the first has it.
    /// Those that are to be asked about tokens are asked by `client`.
    pub fn new(issuers: impl IntoIterator<Item = (IssuerSettings, KeySet)>, client: IntrospectionClient) -> Self {
        let table = ArcSwap::from_pointee(Table::new(issuers, &client));
        Self(Arc::new(Shared { table, client, strangers: Verdicts::default() }))
    }

    /// Trusts `issuers` from now on, and nobody else. What is checked at this moment is still judged by the former table.
    pub fn replace(&self, issuers: impl IntoIterator<Item = (IssuerSettings, KeySet)>) {
        let former = self.0.table.swap(Arc::new(Table::new(issuers, &self.0.client)));
        former.issuers.iter().for_each(|issuer| issuer.status.dismiss());
    }

    /// The keys that are kept already for these settings, if an issuer now in the table has the same.
    pub fn keys_of(&self, settings: &IssuerSettings) -> Option<KeySet> {
        let table = self.0.table.load();
        table.issuers.iter().find(|known| known.settings.has_keys_of(settings)).map(|known| known.keys.clone())
    }

    /// The canonical issuers, in the order of the configuration.
    pub fn canonical_issuers(&self) -> Vec<String> {
        self.0.table.load().issuers.iter().flat_map(|issuer| issuer.settings.canonical_issuers()).collect()
    }

    /// The roles with administrative permissions that tokens of a canonical issuer may carry.
    pub fn administrative_roles(&self, canonical: &str) -> BTreeSet<String> {
        let table = self.0.table.load();
        let issuer = table
            .issuers
            .iter()
            .find(|issuer| issuer.settings.canonical_issuers().iter().any(|known| known == canonical));
        issuer.map(|issuer| issuer.settings.mapping.administrative_roles.clone()).unwrap_or_default()
    }

    /// What the issuers put before a permission to spell the scope: each once, in the order of the configuration.
    pub fn scope_prefixes(&self) -> Vec<String> {
        let mut prefixes = Vec::new();
        for issuer in &self.0.table.load().issuers {
            if !prefixes.contains(&issuer.settings.scope_prefix) {
                prefixes.push(issuer.settings.scope_prefix.clone());
            }
        }
        prefixes
    }

    /// How the keys of each issuer stand, by its short name.
    pub fn key_states(&self) -> Vec<(String, KeySetState)> {
        let table = self.0.table.load();
        table.issuers.iter().map(|issuer| (issuer.settings.short_name.clone(), issuer.keys.state())).collect()
    }

    /// How things stand with each issuer. What is counted starts anew when the issuers are read again.
    pub fn reports(&self) -> Vec<IssuerReport> {
        self.0.table.load().issuers.iter().map(|issuer| issuer.report()).collect()
    }

    /// How often tokens were refused that name nobody who is trusted, by the rejection's code.
    pub fn stranger_verdicts(&self) -> Vec<(&'static str, u64)> {
        self.0.strangers.counts()
    }

    /// How the memory of what issuers said of tokens stands, all of them together.
    pub(crate) fn introspection_memory(&self) -> MemoryReading {
        let table = self.0.table.load();
        let readings = table.issuers.iter().filter_map(|issuer| issuer.introspector()).map(Introspector::memory);
        readings.fold(MemoryReading::default(), |sum, reading| sum + reading)
    }

    /// Where the verdicts on tokens are counted that name nobody here.
    pub(super) fn strangers(&self) -> &Verdicts {
        &self.0.strangers
    }

    /// Where each issuer that is asked about tokens is asked, by its short name; or why that is not known, for the operator.
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

    /// How many scopes and roles these claims would hold if they were proved: what reading them costs can be measured by it.
    #[cfg(feature = "dev")]
    pub fn count_names(&self, unproved_claims: &serde_json::Map<String, serde_json::Value>) -> usize {
        let (table, unproved_claims) = (self.table(), &Object::from(unproved_claims));
        table.issuer_of(unproved_claims).map_or(0, |(policy, issuer)| issuer.count_names(policy, unproved_claims))
    }

    /// The table as it is now, to be held for long.
    pub(super) fn table(&self) -> Arc<Table> {
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

    /// The terms of the canonical issuer that these claims name, and its settings.
    pub(super) fn issuer_of(&self, claims: &Object<'_>) -> Result<(&Arc<IssuerPolicy>, &TrustedIssuer), Rejection> {
        let iss = claims.get("iss").and_then(Json::as_str).ok_or(Rejection::UnknownIssuer)?;
        self.by_name.get(iss).map(|(policy, issuer)| (policy, &**issuer)).ok_or(Rejection::UnknownIssuer)
    }

    /// The one issuer at which people sign in here, and how they do.
    pub(super) fn login_issuer(&self) -> Option<(Arc<TrustedIssuer>, Arc<RelyingParty>)> {
        self.issuers.iter().find_map(|issuer| Some((Arc::clone(issuer), Arc::clone(issuer.relying_party.as_ref()?))))
    }

    /// The one issuer that tokens which are no JWT are taken to, and who asks it.
    pub(super) fn issuer_of_opaque(&self) -> Option<(&TrustedIssuer, &Introspector)> {
        self.issuers.iter().find_map(|issuer| Some((&**issuer, issuer.asked_about_opaque()?)))
    }

    /// The terms of the canonical issuer that `issuer` means by its answer about an opaque token. Where it has several, one for each
    /// tenant, the answer has to say which (`iss`, RFC 7662 section 2.2): the same subject is another person at each.
    pub(super) fn policy_of_answer<'a>(
        &'a self,
        issuer: &'a TrustedIssuer,
        answer: &Object<'_>,
    ) -> Result<&'a Arc<IssuerPolicy>, Rejection> {
        if answer.contains_key("iss") {
            let (policy, named) = self.issuer_of(answer)?;
            return if std::ptr::eq(named, issuer) { Ok(policy) } else { Err(Rejection::UnknownIssuer) };
        }
        issuer.only_terms().ok_or(Rejection::UnknownIssuer)
    }
}
