//! The alerts, the dashboard and the documentation use exactly the exported metrics and labels.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ME;
use crate::sessions::browser;
use crate::support::scrape::Metrics;

const ALERTS: &str = include_str!("../../../deploy/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../docs/grafana.json");
const DOCUMENTATION: &str = include_str!("../../../docs/operating.md");

/// Metrics and labels that Prometheus itself adds to a scrape.
const PROMETHEUS_METRICS: [&str; 1] = ["up"];
const PROMETHEUS_LABELS: [&str; 3] = ["instance", "job", "le"];

/// The words of PromQL and of Grafana's variables that the queries use.
const WORDS: [&str; 12] = [
    "and",
    "by",
    "histogram_quantile",
    "increase",
    "label_values",
    "max",
    "min",
    "min_over_time",
    "rate",
    "sum",
    "topk",
    "e",
];

/// Metrics by name, with their labels.
type Exported = BTreeMap<String, (&'static str, BTreeSet<String>)>;

/// The metrics that a server under traffic exports.
async fn exported() -> Exported {
    // Session metrics exist only with browser sign-in.
    let app = browser::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").var("OIDC_ROLES_CLAIM", "/roles");
    let app = app.spawn().await;
    app.introduce("bob").await;
    app.get(ME, "no-jwt").await;
    let families = Metrics::of(&app).await.families();
    assert!(families.keys().all(|name| name.starts_with("portcullis_")), "{families:?}");
    families
}

fn alerts() -> Vec<Value> {
    let file: Value = serde_norway::from_str(ALERTS).unwrap();
    file["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

/// Every string member of this name, at any depth.
fn texts<'a>(value: &'a Value, member: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == member => found.push(text),
            value => texts(value, member, found),
        }),
        Value::Array(values) => values.iter().for_each(|value| texts(value, member, found)),
        _ => {}
    }
}

/// A token of a query.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Name(String),
    Text,
    Other(char),
}

/// The tokens of a query, without numbers, durations and spaces.
fn pieces(query: &str) -> Vec<Piece> {
    let (mut pieces, mut rest) = (Vec::new(), query);
    while let Some(first) = rest.chars().next() {
        let length = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let end = match first {
            '"' => rest[1..].find('"').expect("a string without an end") + 2,
            '$' => 1 + rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - 1),
            c if c.is_ascii_digit() => length(|c| c.is_ascii_alphanumeric() || c == '.'),
            c if c.is_alphabetic() || c == '_' => length(|c| c.is_alphanumeric() || c == '_'),
            c => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(end);
        match first {
            '"' => pieces.push(Piece::Text),
            c if c.is_alphabetic() || c == '_' => pieces.push(Piece::Name(piece.to_owned())),
            c if c.is_whitespace() || c.is_ascii_digit() || c == '$' => {}
            c => pieces.push(Piece::Other(c)),
        }
        rest = after;
    }
    pieces
}

/// The faults of a query: metrics that are not exported, and labels that its metrics do not have.
fn faults(query: &str, exported: &Exported) -> Vec<String> {
    let (mut faults, mut labels, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
    let pieces = pieces(query);
    let (mut in_braces, mut in_list) = (false, false);
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Other('{') => in_braces = true,
            Piece::Other('}') => in_braces = false,
            Piece::Other('(') => in_list = at > 0 && pieces[at - 1] == Piece::Name("by".to_owned()),
            Piece::Other(')') => in_list = false,
            Piece::Name(name) if in_braces || in_list => labels.push(name.clone()),
            Piece::Name(name) if WORDS.contains(&&**name) => {}
            // Grafana: `label_values(metric, label)`.
            Piece::Name(name) if query.starts_with("label_values") && at == 4 => labels.push(name.clone()),
            Piece::Name(name) => metrics.push(name.clone()),
            Piece::Text | Piece::Other(_) => {}
        }
    }
    if metrics.is_empty() {
        faults.push(format!("{query}: uses no metric"));
    }
    let mut known: BTreeSet<&str> = PROMETHEUS_LABELS.into();
    for metric in &metrics {
        match find(metric, exported) {
            Some(labels) => known.extend(labels.iter().map(|label| &**label)),
            None if PROMETHEUS_METRICS.contains(&&**metric) => {}
            None => faults.push(format!("{query}: {metric} is not exported")),
        }
    }
    let unknown = labels.iter().filter(|label| !known.contains(&***label));
    faults.extend(unknown.map(|label| format!("{query}: no metric of it has the label {label}")));
    faults
}

/// The labels of a query's result: those of its `by` clause, none for a plain sum, otherwise those of its metrics.
fn result_labels(query: &str, exported: &Exported) -> BTreeSet<String> {
    if let Some((_, list)) = query.split_once(" by (") {
        let (list, _) = list.split_once(')').unwrap();
        return list.split(", ").map(str::to_owned).collect();
    }
    if query.contains("sum(") {
        return BTreeSet::new();
    }
    let labels =
        exported.iter().filter(|(name, _)| query.contains(&***name)).flat_map(|(_, (_, labels))| labels.clone());
    labels.chain(PROMETHEUS_LABELS.map(str::to_owned)).collect()
}

/// The labels of a metric; a histogram is queried by its parts.
fn find<'a>(metric: &str, exported: &'a Exported) -> Option<&'a BTreeSet<String>> {
    let part = ["_bucket", "_count", "_sum"].iter().find_map(|part| metric.strip_suffix(part));
    match (exported.get(metric), part.and_then(|name| exported.get(name))) {
        (Some((kind, labels)), _) if *kind != "histogram" => Some(labels),
        (_, Some(("histogram", labels))) => Some(labels),
        _ => None,
    }
}

#[actix_web::test]
async fn alerts_use_exported_metrics_and_labels_of_their_results() {
    let exported = exported().await;
    let alerts = alerts();
    assert_eq!(alerts.len(), 10);
    let mut faulty = Vec::new();
    for alert in &alerts {
        let (name, query) = (text(alert, "alert"), text(alert, "expr"));
        faulty.extend(faults(query, &exported));
        assert!(["critical", "warning"].contains(&text(&alert["labels"], "severity")), "{name}");
        for template in [text(&alert["annotations"], "summary"), text(&alert["annotations"], "description")] {
            for label in template.split("$labels.").skip(1) {
                let label: String = label.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(
                    result_labels(query, &exported).contains(&label),
                    "{name} uses the label {label}, which its query does not return"
                );
            }
        }
        assert!(DOCUMENTATION.contains(&format!("| `{name}` |")), "{name} is not in docs/operating.md");
    }
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
}

#[actix_web::test]
async fn dashboard_uses_exported_metrics_and_shows_all_of_them() {
    let exported = exported().await;
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let (mut queries, mut legends) = (Vec::new(), Vec::new());
    texts(&dashboard["panels"], "expr", &mut queries);
    texts(&dashboard["panels"], "legendFormat", &mut legends);
    assert_eq!(queries.len(), legends.len());
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if variable["type"] == "query" {
            queries.push(text(variable, "query"));
        }
    }
    let faulty: Vec<String> = queries.iter().flat_map(|query| faults(query, &exported)).collect();
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
    for name in exported.keys() {
        assert!(queries.iter().any(|query| query.contains(&**name)), "{name} is on no panel");
    }
    for (query, legend) in queries.iter().zip(legends) {
        for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(result_labels(query, &exported).contains(label), "{query} does not return {label}");
        }
    }
}

#[actix_web::test]
async fn every_metric_is_documented_with_its_labels() {
    for (name, (_, labels)) in exported().await {
        let rows = DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let explained = rows.filter_map(|row| {
            let (explained, labels) = row.split_once('{').unwrap_or((row, "}"));
            let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()).map(str::to_owned);
            (explained == name).then(|| labels.collect::<BTreeSet<_>>())
        });
        assert_eq!(explained.collect::<Vec<_>>(), [labels], "{name} in docs/operating.md");
    }
}

#[test]
fn query_with_an_unknown_metric_or_label_is_found() {
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    let exported = BTreeMap::from([
        ("a_total".to_owned(), ("counter", labels(&["issuer"]))),
        ("b_seconds".to_owned(), ("histogram", labels(&["route"]))),
    ]);
    for good in [
        r#"sum by (issuer) (rate(a_total{issuer=~"x|y"}[5m])) > 0.5"#,
        "histogram_quantile(0.9, sum by (le, route) (rate(b_seconds_bucket[$__rate_interval])))",
        r#"up{job="portcullis"} == 0"#,
        "label_values(a_total, instance)",
    ] {
        assert_eq!(faults(good, &exported), [""; 0], "{good}");
    }
    for bad in [
        "rate(c_total[5m])",
        "rate(b_seconds[5m])",
        "rate(a_total_count[5m])",
        r#"a_total{route="x"}"#,
        "sum by (reason) (a_total)",
        "frobnicate(a_total)",
        "label_values(a_total, route)",
        "1 > 0",
    ] {
        assert_eq!(faults(bad, &exported).len(), 1, "{bad}");
    }
}
