//! What is read when somebody asks: counters and states that the rooms keep themselves.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::Clock;
use crate::database::Database;
use crate::oidc::{IssuerReport, KeySetCondition, TrustedIssuers};
use crate::services::PrincipalService;
use crate::telemetry;

/// How a cache stands.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::app) struct CacheReading {
    /// How often an answer was found in it.
    pub(in crate::app) hits: u64,
    /// How often it was not.
    pub(in crate::app) misses: u64,
    /// How much it holds.
    pub(in crate::app) entries: u64,
}

/// Reads a cache.
pub(in crate::app) type ReadCache = Box<dyn Fn() -> CacheReading + Send + Sync>;

/// How often each limit has refused somebody.
pub(in crate::app) type ReadRefusals = Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>;

/// Where everything is read.
pub(in crate::app) struct Readings {
    pub(in crate::app) clock: Clock,
    pub(in crate::app) issuers: TrustedIssuers,
    pub(in crate::app) database: Database,
    pub(in crate::app) principals: PrincipalService,
    /// By name.
    pub(in crate::app) caches: Vec<(&'static str, ReadCache)>,
    pub(in crate::app) refusals: ReadRefusals,
}

impl Collector for Readings {
    /// None: the families are of fixed names of our own, which nothing else registers.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.of_issuers();
        families.extend(self.of_caches());
        families.extend(self.of_database());
        families.extend([
            counter(
                "portcullis_principals_created_total",
                "People who became known by their first request.",
                [(vec![], self.principals.created())],
            ),
            counter(
                "portcullis_rate_limited_total",
                "Requests that were refused because there were too many, by the limit that they met.",
                (self.refusals)().into_iter().map(|(limit, count)| (vec![("limit", limit.to_owned())], count)),
            ),
            counter(
                "portcullis_log_lines_dropped_total",
                "Lines of the log that were lost because nobody read the output.",
                [(vec![], telemetry::dropped_lines())],
            ),
            gauge(
                "portcullis_build_info",
                "The running version; always 1.",
                [(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
            ),
        ]);
        families.retain(|family| !family.get_metric().is_empty());
        families
    }
}

impl Readings {
    fn of_issuers(&self) -> Vec<MetricFamily> {
        let reports = self.issuers.reports();
        let now = self.clock.now();
        let issuer = |report: &IssuerReport| ("issuer", report.short_name.clone());
        let verdicts = reports.iter().flat_map(|report| {
            let counts = report.verdicts.iter();
            counts.map(move |(verdict, count)| (vec![issuer(report), ("verdict", (*verdict).to_owned())], *count))
        });
        let keyed = || reports.iter().filter_map(|report| report.keys.as_ref().map(|keys| (report, keys)));
        let gaps = keyed().flat_map(|(report, _)| {
            report.gaps.iter().map(move |(reason, count)| (vec![issuer(report), ("reason", (*reason).to_owned())], *count))
        });
        let ages = keyed().filter_map(|(report, keys)| {
            let age = (now - keys.fetched_at?).as_seconds_f64();
            Some((vec![issuer(report)], age))
        });
        let fetches = keyed().flat_map(|(report, keys)| {
            let good = keys.attempts - keys.failures;
            [("good", good), ("failed", keys.failures)]
                .map(|(outcome, count)| (vec![issuer(report), ("outcome", outcome.to_owned())], count))
        });
        let states = keyed().flat_map(|(report, keys)| {
            CONDITIONS.map(|(condition, word)| {
                let holds = if keys.condition == condition { 1.0 } else { 0.0 };
                (vec![issuer(report), ("state", word.to_owned())], holds)
            })
        });
        vec![
            counter(
                "portcullis_token_verdicts_total",
                "Tokens that were examined, by their issuer and the verdict: accepted, or the reason for which they were refused.",
                verdicts,
            ),
            counter("portcullis_claim_gaps_total", "Claims of proved tokens that gave nothing, by reason.", gaps),
            gauge("portcullis_key_set_age_seconds", "How long ago the keys at hand were fetched.", ages),
            counter("portcullis_key_set_fetches_total", "Attempts to fetch an issuer's keys, by outcome.", fetches),
            gauge("portcullis_key_set_state", "1 for the state that an issuer's keys are in, 0 for the others.", states),
        ]
    }

    fn of_caches(&self) -> Vec<MetricFamily> {
        let introspection = self.issuers.introspection_reading();
        let introspection =
            CacheReading { hits: introspection.hits, misses: introspection.misses, entries: introspection.entries };
        let readings: Vec<(&str, CacheReading)> = std::iter::once(("introspection", introspection))
            .chain(self.caches.iter().map(|(name, read)| (*name, read())))
            .collect();
        let label = |name: &str| vec![("cache", name.to_owned())];
        let hits = readings.iter().map(|(name, reading)| (label(name), reading.hits));
        let misses = readings.iter().map(|(name, reading)| (label(name), reading.misses));
        let entries = readings.iter().map(|(name, reading)| (label(name), to_f64(reading.entries)));
        vec![
            counter("portcullis_cache_hits_total", "How often a cache held what was looked for.", hits),
            counter("portcullis_cache_misses_total", "How often it did not.", misses),
            gauge("portcullis_cache_entries", "How much a cache holds.", entries),
        ]
    }

    fn of_database(&self) -> Vec<MetricFamily> {
        let usage = self.database.usage();
        let label = |pool: &str| vec![("pool", pool.to_owned())];
        let size = usage.iter().map(|lane| (label(lane.pool), to_f64(lane.connections)));
        let in_use = usage.iter().map(|lane| (label(lane.pool), to_f64(lane.in_use)));
        let waiting = usage.iter().map(|lane| (label(lane.pool), to_f64(lane.waiting)));
        vec![
            gauge("portcullis_database_connections", "How many transactions a pool can run at once.", size),
            gauge("portcullis_database_connections_in_use", "How many it runs now.", in_use),
            gauge("portcullis_database_waiting", "How many wait for their turn.", waiting),
        ]
    }
}

const CONDITIONS: [(KeySetCondition, &str); 4] = [
    (KeySetCondition::Fresh, "fresh"),
    (KeySetCondition::Stale, "stale"),
    (KeySetCondition::Closed, "closed"),
    (KeySetCondition::Empty, "empty"),
];

type Labels = Vec<(&'static str, String)>;

fn counter(name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) -> MetricFamily {
    let metric = |(labels, count): (Labels, u64)| {
        let mut metric = Metric::from_label(pairs(labels));
        let mut counter = Counter::default();
        counter.set_value(to_f64(count));
        metric.set_counter(counter);
        metric
    };
    family(name, help, MetricType::COUNTER, values.into_iter().map(metric).collect())
}

fn gauge(name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) -> MetricFamily {
    let metric = |(labels, value): (Labels, f64)| {
        let mut metric = Metric::from_label(pairs(labels));
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
        metric
    };
    family(name, help, MetricType::GAUGE, values.into_iter().map(metric).collect())
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn pairs(labels: Labels) -> Vec<LabelPair> {
    let pair = |(name, value): (&str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    };
    labels.into_iter().map(pair).collect()
}

/// The format knows no integers; it is exact up to 2^53.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "nothing here counts that far")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
