//! The metrics of a service, parsed as Prometheus parses them.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_parse::{Sample, Scrape, Value};

use super::{TestApp, client};

/// One scrape.
pub struct Metrics(Scrape);

impl Metrics {
    /// Scrapes a service that was started with `SERVER_MANAGEMENT_BIND`.
    pub async fn of(app: &TestApp) -> Self {
        Self::parse(&Self::text(app).await)
    }

    /// The text of a scrape.
    pub async fn text(app: &TestApp) -> String {
        client().get(format!("{}/metrics", app.management_url())).send().await.unwrap().text().await.unwrap()
    }

    fn parse(text: &str) -> Self {
        Self(Scrape::parse(text.lines().map(|line| Ok(plain(line)))).unwrap())
    }

    /// The value with these labels, and possibly others; for a histogram the number of observations. `None` if the sample is absent.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has_all = |sample: &&Sample| labels.iter().all(|(name, value)| sample.labels.get(name) == Some(*value));
        let mut found = self.0.samples.iter().filter(|sample| sample.metric == name).filter(has_all);
        let value = match &found.next()?.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
            Value::Histogram(buckets) => buckets.last().unwrap().count,
            Value::Summary(_) => panic!("{name} is a summary"),
        };
        assert!(found.next().is_none(), "{name} with {labels:?} occurs more than once");
        Some(value)
    }

    /// The count with these labels; 0 if it is absent.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.value(name, labels).unwrap_or_default()
    }

    /// Every metric by name, with its type and its labels.
    pub fn families(&self) -> BTreeMap<String, (&'static str, BTreeSet<String>)> {
        let mut families: BTreeMap<String, (&str, BTreeSet<String>)> = BTreeMap::new();
        for sample in &self.0.samples {
            let kind = match sample.value {
                Value::Counter(_) => "counter",
                Value::Gauge(_) => "gauge",
                Value::Histogram(_) => "histogram",
                Value::Summary(_) => "summary",
                // The additional samples of a histogram.
                Value::Untyped(_) => continue,
            };
            let (_, labels) = families.entry(sample.metric.clone()).or_insert((kind, BTreeSet::new()));
            labels.extend(sample.labels.keys().cloned());
        }
        families
    }
}

/// The line with other brackets in its labels: the parser ends the labels at the first curly one.
fn plain(line: &str) -> String {
    let mut is_quoted = false;
    let plain = |c| {
        is_quoted ^= c == '"';
        match c {
            '{' if is_quoted => '<',
            '}' if is_quoted => '>',
            other => other,
        }
    };
    line.chars().map(plain).collect()
}
