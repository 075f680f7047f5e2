//! Metrics in Prometheus' text format, each explained in `docs/operating.md`, on a listener of their own.
//!
//! Labels are of closed sets: registered paths, words of this program and short names from the configuration. Nothing that a client sends
//! becomes one. What the other rooms count is read when somebody asks ([`Readings`]).

mod families;
mod readings;
mod requests;

pub(super) use readings::Readings;
pub(super) use requests::{RequestLabels, RequestMetrics};

use std::net::TcpListener;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use super::hosts::Hosts;
use requests::Requests;

/// What is counted in one service.
pub(super) struct Metrics {
    registry: Registry,
    refusals: IntCounterVec,
    requests: Requests,
}

impl Metrics {
    /// Counts from nothing on; what others count is read from `readings`.
    ///
    /// # Errors
    ///
    /// When two metrics have one name.
    pub(super) fn new(readings: Readings) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let about =
            "Requests that were not answered as asked, by reason: the word in the log, the problem's code or finer.";
        let refusals = IntCounterVec::new(Opts::new("portcullis_refusals_total", about), &["reason"])?;
        let requests = Requests::default();
        registry.register(Box::new(refusals.clone()))?;
        registry.register(Box::new(Gathered { requests: requests.clone(), readings }))?;
        Ok(Self { registry, refusals, requests })
    }

    /// Counts one request that was refused or failed. `reason` is of a closed set.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// Where one worker counts its requests.
    pub(super) fn of_worker(&self) -> RequestMetrics {
        RequestMetrics::new(self.requests.clone())
    }

    fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// What is made anew each time that somebody asks.
struct Gathered {
    requests: Requests,
    readings: Readings,
}

impl Collector for Gathered {
    /// None: the families have names that nothing else registers.
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.readings.families();
        families.push(self.requests.family());
        families
    }
}

/// Serves the metrics and nothing else. Ends with the service, not by a signal.
pub(super) fn serve(listener: TcpListener, metrics: web::Data<Metrics>) -> std::io::Result<Server> {
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

/// Answers 421 to a request by another name than those of `hosts`.
async fn refuse_other_hosts(
    hosts: Option<Hosts>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = request.headers().get(HOST);
    if hosts.is_some_and(|hosts| asked.is_some_and(|host| !hosts.has(host))) {
        return Ok(request.into_response(HttpResponse::MisdirectedRequest().finish()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
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
