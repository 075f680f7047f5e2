//! Metrics in Prometheus' text format, on a separate listener. `docs/operating.md` explains each of them.
//!
//! Label values come from closed sets: registered paths, constants, and short names from the configuration. No client can add one. Counts
//! of other modules are read at scrape time ([`MetricSnapshots`]).

mod families;
mod requests;
mod snapshots;

pub(crate) use requests::{OTHER_METHOD, RequestMetrics, method_label};
pub(crate) use snapshots::MetricSnapshots;

use std::net::TcpListener;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use crate::limits::hosts::Hosts;
use requests::Requests;

/// The metrics of one service.
pub(crate) struct Metrics {
    registry: Registry,
    refusals: IntCounterVec,
    requests: Requests,
}

impl Metrics {
    /// Creates the metrics with all counts at zero. Counts of other modules are read from `readings`.
    ///
    /// # Errors
    ///
    /// If two metrics have the same name.
    pub(crate) fn new(readings: MetricSnapshots) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let help = "Rejected and failed requests, by the `reason` of the log: the problem's code or a finer one.";
        let refusals = IntCounterVec::new(Opts::new("portcullis_refusals_total", help), &["reason"])?;
        let requests = Requests::default();
        registry.register(Box::new(refusals.clone()))?;
        registry.register(Box::new(ScrapeCollector { requests: requests.clone(), readings }))?;
        Ok(Self { registry, refusals, requests })
    }

    /// Counts a rejected or failed request. `reason` is from a closed set.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// Returns the request metrics of one worker.
    pub(crate) fn of_worker(&self) -> RequestMetrics {
        RequestMetrics::new(self.requests.clone())
    }

    fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Collects the metrics that are computed at scrape time.
struct ScrapeCollector {
    requests: Requests,
    readings: MetricSnapshots,
}

impl Collector for ScrapeCollector {
    /// Returns no descriptors: no other collector registers these names.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.readings.families();
        families.push(self.requests.family());
        families
    }
}

/// Serves only the metrics. Stops with the service, not by a signal.
pub(crate) fn serve(listener: TcpListener, metrics: web::Data<Metrics>) -> std::io::Result<Server> {
    let hosts = Hosts::of(listener.local_addr()?, None);
    let server = HttpServer::new(move || {
        let hosts = hosts.clone();
        App::new()
            .app_data(metrics.clone())
            .route("/metrics", web::get().to(show))
            .wrap(from_fn(move |request, next| refuse_other_hosts(hosts.clone(), request, next)))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

/// Answers 421 to a request whose `Host` is not one of `hosts`.
async fn refuse_other_hosts(
    hosts: Option<Hosts>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let requested = request.headers().get(HOST);
    if hosts.is_some_and(|hosts| requested.is_some_and(|host| !hosts.has(host))) {
        return Ok(request.into_response(HttpResponse::MisdirectedRequest().finish()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

async fn show(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.text() {
        Ok(text) => HttpResponse::Ok().content_type(TEXT_FORMAT).body(text),
        Err(error) => {
            tracing::error!(%error, "failed to encode the metrics");
            HttpResponse::InternalServerError().finish()
        }
    }
}
