//! Metrics in Prometheus' text format, each explained in `docs/operating.md`, on a listener of their own.
//!
//! Labels are of closed sets: words of this program and short names from the configuration. Nothing that a client sends becomes one.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{IntCounterVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use crate::oidc::TrustedIssuers;

/// What is counted in one service.
pub(super) struct Metrics {
    registry: Registry,
    refusals: IntCounterVec,
}

impl Metrics {
    /// Counts from nothing on; what `issuers` count themselves is read when somebody asks.
    ///
    /// # Errors
    ///
    /// When two metrics have one name.
    pub(super) fn new(issuers: TrustedIssuers) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let about =
            "Requests that were not answered as asked, by reason: the word in the log, the problem's code or finer.";
        let refusals = IntCounterVec::new(Opts::new("portcullis_refusals_total", about), &["reason"])?;
        registry.register(Box::new(refusals.clone()))?;
        registry.register(Box::new(ClaimGaps(issuers)))?;
        Ok(Self { registry, refusals })
    }

    /// Counts one request that was refused or failed. `reason` is of a closed set.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Claims of proved tokens that gave nothing, by issuer and reason, as the issuers have counted them.
struct ClaimGaps(TrustedIssuers);

impl Collector for ClaimGaps {
    /// None: the one family has a name that nothing else registers.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name("portcullis_claim_gaps_total".to_owned());
        family.set_help("Claims of proved tokens that gave nothing, by the issuer's short name and reason.".to_owned());
        family.set_field_type(MetricType::COUNTER);
        let gaps = self.0.claim_gaps().into_iter();
        family.set_metric(
            gaps.map(|(issuer, reason, count)| counter([("issuer", &issuer), ("reason", reason)], count)).collect(),
        );
        vec![family]
    }
}

/// The format knows no integers; it is exact up to 2^53.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "nothing here counts that far")]
fn counter<const N: usize>(labels: [(&str, &str); N], count: u64) -> Metric {
    let label = |(name, value): (&str, &str)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value.to_owned());
        label
    };
    let mut value = Counter::default();
    value.set_value(count as f64);
    let mut metric = Metric::from_label(labels.map(label).into());
    metric.set_counter(value);
    metric
}

/// Serves the metrics and nothing else. Ends with the service, not by a signal.
pub(super) fn serve(listener: TcpListener, metrics: web::Data<Metrics>) -> std::io::Result<Server> {
    let server = HttpServer::new(move || App::new().app_data(metrics.clone()).route("/metrics", web::get().to(show)));
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

async fn show(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.text() {
        Ok(text) => HttpResponse::Ok().content_type(TEXT_FORMAT).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
