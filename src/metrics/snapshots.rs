//! Counts and states of other modules, read at scrape time.

use std::collections::BTreeMap;

use actix_web::web;
use prometheus::proto::MetricFamily;

use super::families::{Labels, counter, gauge, to_f64};
use crate::Clock;
use crate::auth::Authenticator;
use crate::auth::session::BrowserSessions;
use crate::cache::hit_counter::MemoryReading;
use crate::database::{Database, PoolUsage};
use crate::oidc::{IssuerReport, KeySetCondition, TrustedIssuers};
use crate::telemetry;

/// The `issuer` label of tokens whose issuer is not trusted.
const UNKNOWN_ISSUER: &str = "unknown";

const CONDITIONS: [(KeySetCondition, &str); 4] = [
    (KeySetCondition::Fresh, "fresh"),
    (KeySetCondition::Stale, "stale"),
    (KeySetCondition::Closed, "closed"),
    (KeySetCondition::Empty, "empty"),
];

/// The sources of the metrics. A new source is added here and explained in `docs/operating.md`.
pub(crate) struct MetricSnapshots {
    pub(crate) clock: Clock,
    pub(crate) issuers: TrustedIssuers,
    pub(crate) database: Database,
    pub(crate) authenticator: web::Data<Authenticator>,
    /// `None` if browser sign-in is not enabled.
    pub(crate) sessions: Option<web::Data<BrowserSessions>>,
}

impl MetricSnapshots {
    /// Reads the current value of every metric.
    pub(crate) fn families(&self) -> Vec<MetricFamily> {
        let reports = self.issuers.reports();
        let mut families = vec![self.verdicts(&reports), signature_checks(&reports), unusable_claims(&reports)];
        families.extend(self.keys(&reports));
        families.extend(self.caches());
        families.extend(self.pools());
        families.extend(self.sessions());
        families.extend([
            counter(
                "portcullis_principals_created_total",
                "Users created by their first request.",
                [(Labels::new(), self.authenticator.principals().made())],
            ),
            counter(
                "portcullis_log_lines_dropped_total",
                "Log lines dropped because the output was not read in time, by kind.",
                telemetry::dropped_lines().map(|(kind, count)| (vec![("kind", kind.to_owned())], count)),
            ),
            counter(
                "portcullis_http_connection_errors_total",
                "Connections that ended with an error that any client can cause, by kind.",
                telemetry::connection_errors().map(|(kind, count)| (vec![("kind", kind.to_owned())], count)),
            ),
            gauge(
                "portcullis_build_info",
                "Always 1, with the running version.",
                [(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
            ),
        ]);
        families
    }

    fn verdicts(&self, reports: &[IssuerReport]) -> MetricFamily {
        // Summed, in case an issuer is named like the label for untrusted issuers.
        let mut counts: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
        let untrusted = self.issuers.stranger_verdicts().into_iter().filter(|(_, count)| *count > 0);
        let of_issuers = reports
            .iter()
            .flat_map(|report| report.verdicts.iter().map(|(verdict, count)| (&*report.short_name, *verdict, *count)));
        for (issuer, verdict, count) in
            untrusted.map(|(verdict, count)| (UNKNOWN_ISSUER, verdict, count)).chain(of_issuers)
        {
            *counts.entry((issuer, verdict)).or_default() += count;
        }
        let labels = |issuer: &str, verdict: &str| vec![("issuer", issuer.to_owned()), ("verdict", verdict.to_owned())];
        counter(
            "portcullis_token_verdicts_total",
            "Checked tokens, by the issuer's short name and the verdict: accepted, or the reason for the rejection.",
            counts.into_iter().map(|((issuer, verdict), count)| (labels(issuer, verdict), count)),
        )
    }

    fn keys(&self, reports: &[IssuerReport]) -> [MetricFamily; 3] {
        let now = self.clock.now();
        let ages = reports.iter().filter_map(|report| {
            let age = (now - report.keys.fetched_at?).as_seconds_f64();
            Some((vec![issuer(report)], age))
        });
        let fetches = reports.iter().flat_map(|report| {
            let good = report.keys.attempts - report.keys.failures;
            [("good", good), ("failed", report.keys.failures)]
                .map(|(outcome, count)| (vec![issuer(report), ("outcome", outcome.to_owned())], count))
        });
        let states = reports.iter().flat_map(|report| {
            CONDITIONS.map(|(condition, word)| {
                let holds = if report.keys.condition == condition { 1.0 } else { 0.0 };
                (vec![issuer(report), ("state", word.to_owned())], holds)
            })
        });
        [
            gauge("portcullis_key_set_age_seconds", "Time since the current keys were fetched.", ages),
            counter(
                "portcullis_key_set_fetches_total",
                "Finished attempts to fetch an issuer's keys, by outcome.",
                fetches,
            ),
            gauge(
                "portcullis_key_set_state",
                "1 for the current state of an issuer's keys, 0 for the other states.",
                states,
            ),
        ]
    }

    fn caches(&self) -> [MetricFamily; 3] {
        let readings = [
            ("tokens", self.authenticator.callers().reading()),
            ("principals", self.authenticator.principals().memory()),
            ("introspection", self.issuers.introspection_memory()),
        ];
        let each = |count: fn(&MemoryReading) -> u64| {
            readings.iter().map(move |(cache, reading)| (vec![("cache", (*cache).to_owned())], count(reading)))
        };
        let entries = each(|reading| reading.entries).map(|(labels, count)| (labels, to_f64(count)));
        [
            counter(
                "portcullis_cache_hits_total",
                "Lookups that found an entry in a cache.",
                each(|reading| reading.hits),
            ),
            counter(
                "portcullis_cache_misses_total",
                "Lookups that found no entry in a cache.",
                each(|reading| reading.misses),
            ),
            gauge("portcullis_cache_entries", "Entries in a cache.", entries),
        ]
    }

    fn sessions(&self) -> Option<MetricFamily> {
        let events = self.sessions.as_ref()?.service.events();
        Some(counter(
            "portcullis_session_events_total",
            "Events of browser sessions at this replica, by event.",
            events.into_iter().map(|(event, count)| (vec![("event", event.to_owned())], count)),
        ))
    }

    fn pools(&self) -> [MetricFamily; 4] {
        let usage = self.database.usage();
        let pool = |pool: &PoolUsage| vec![("pool", pool.pool.to_owned())];
        let each = |count: fn(&PoolUsage) -> u64| usage.iter().map(move |usage| (pool(usage), to_f64(count(usage))));
        [
            counter(
                "portcullis_database_transactions_total",
                "Transactions begun by a pool.",
                usage.iter().map(|usage| (pool(usage), usage.transactions)),
            ),
            gauge(
                "portcullis_database_connections",
                "Transactions that a pool can run at once.",
                each(|pool| pool.size),
            ),
            gauge(
                "portcullis_database_connections_in_use",
                "Transactions that a pool is running.",
                each(|pool| pool.in_use),
            ),
            gauge(
                "portcullis_database_waiting",
                "Transactions that wait for a connection of a pool.",
                each(|pool| pool.waiting),
            ),
        ]
    }
}

fn signature_checks(reports: &[IssuerReport]) -> MetricFamily {
    counter(
        "portcullis_signature_checks_total",
        "Checked token signatures, by the issuer's short name.",
        reports.iter().map(|report| (vec![issuer(report)], report.signature_checks)),
    )
}

fn unusable_claims(reports: &[IssuerReport]) -> MetricFamily {
    counter(
        "portcullis_claim_gaps_total",
        "Claims of verified tokens that yielded no value, by the issuer's short name and reason.",
        reports.iter().flat_map(|report| {
            report
                .unusable_claims
                .iter()
                .map(|(reason, count)| (vec![issuer(report), ("reason", (*reason).to_owned())], *count))
        }),
    )
}

fn issuer(report: &IssuerReport) -> (&'static str, String) {
    ("issuer", report.short_name.clone())
}
