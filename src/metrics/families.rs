//! Builds metric families at scrape time, in the types of the Prometheus client.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// The labels of one value, by name. Each value of a family needs different labels.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// A counter, which only grows.
pub(crate) fn counter(name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) -> MetricFamily {
    let metric = |(labels, count)| {
        let mut counter = Counter::default();
        counter.set_value(to_f64(count));
        let mut metric = labelled(labels);
        metric.set_counter(counter);
        metric
    };
    family(name, help, MetricType::COUNTER, values.into_iter().map(metric).collect())
}

/// A gauge, which goes up and down.
pub(crate) fn gauge(name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) -> MetricFamily {
    let metric = |(labels, value)| {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = labelled(labels);
        metric.set_gauge(gauge);
        metric
    };
    family(name, help, MetricType::GAUGE, values.into_iter().map(metric).collect())
}

pub(crate) fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

pub(crate) fn labelled(labels: Labels) -> Metric {
    let pair = |(name, value): (&str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    };
    Metric::from_label(labels.into_iter().map(pair).collect())
}

/// Converts a count to the float of the format, which is exact up to 2^53.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "no count here gets that large")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}
