//! Traces over OTLP, as a collector receives them.

use portcullis::actix_web::web::Bytes;
use portcullis::actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use portcullis::dev::{Issuer, IssuerOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::program::{Program, Service};
use crate::support::{ALL_SCOPES, AUDIENCE, client};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector, and a channel with the path and the body of each request that it receives.
async fn collector() -> (String, UnboundedReceiver<(String, Bytes)>) {
    async fn receive(
        request: HttpRequest,
        body: Bytes,
        received: web::Data<UnboundedSender<(String, Bytes)>>,
    ) -> HttpResponse {
        received.send((request.path().to_owned(), body)).unwrap();
        HttpResponse::Ok().finish()
    }
    let (sender, receiver) = unbounded_channel();
    let sender = web::Data::new(sender);
    let server = HttpServer::new(move || App::new().app_data(sender.clone()).default_service(web::to(receive)));
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    rt::spawn(server.run());
    (format!("http://{address}"), receiver)
}

/// A service that exports its traces at once, and its issuer.
async fn spawn(collector: &str) -> (Service, Issuer) {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let service = Program::portcullis()
        .trusting(&idp)
        .var("LOG_LEVEL", "trace")
        .var("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .var("OTEL_BSP_SCHEDULE_DELAY", "20")
        .serve();
    (service, idp)
}

/// A span as exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    /// 1: internal, 2: server.
    kind: u64,
    attributes: Vec<String>,
}

/// The spans of an `ExportTraceServiceRequest`: resource spans (1), their scope spans (2), and the spans in them (2).
fn spans(request: &[u8]) -> Vec<Span> {
    let of_resources = fields(request).into_iter().filter(|field| field.number == 1);
    let of_scopes = of_resources.flat_map(|field| fields(field.octets)).filter(|field| field.number == 2);
    let spans = of_scopes.flat_map(|field| fields(field.octets)).filter(|field| field.number == 2);
    spans.map(|field| span(field.octets)).collect()
}

fn span(octets: &[u8]) -> Span {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let mut span = Span::default();
    for Field { number, value, octets } in fields(octets) {
        match number {
            1 => span.trace = hex(octets),
            2 => span.id = hex(octets),
            4 => span.parent = hex(octets),
            5 => span.name = String::from_utf8(octets.to_vec()).unwrap(),
            6 => span.kind = value,
            9 => span.attributes.push(String::from_utf8_lossy(octets).into_owned()),
            _ => {}
        }
    }
    span
}

/// A field of a protobuf message: its number, and its value or its octets.
struct Field<'a> {
    number: u64,
    value: u64,
    octets: &'a [u8],
}

fn fields(mut message: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let (mut value, mut octets): (u64, &[u8]) = (0, &[]);
        match tag & 7 {
            0 => value = varint(&mut message),
            wire @ (1 | 2 | 5) => {
                let length = match wire {
                    1 => 8,
                    5 => 4,
                    _ => usize::try_from(varint(&mut message)).unwrap(),
                };
                (octets, message) = message.split_at(length);
            }
            other => panic!("unknown wire type: {other}"),
        }
        fields.push(Field { number: tag >> 3, value, octets });
    }
    fields
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = message.split_first().unwrap();
        *message = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

/// All spans of the trace whose root has this name, once the root has arrived, and all octets received.
async fn trace_of(received: &mut UnboundedReceiver<(String, Bytes)>, root: &str) -> (Vec<Span>, Vec<u8>) {
    let (mut seen, mut sent) = (Vec::new(), Vec::new());
    loop {
        let (path, body) = received.recv().await.unwrap();
        assert_eq!(path, "/v1/traces");
        seen.extend(spans(&body));
        sent.extend_from_slice(&body);
        // The root ends last.
        if let Some(found) = seen.iter().find(|span: &&Span| span.name == root) {
            let trace = found.trace.clone();
            seen.retain(|span| span.trace == trace);
            return (seen, sent);
        }
    }
}

#[actix_web::test]
async fn request_is_a_child_span_of_its_sender_with_spans_of_its_parts() {
    let (collector, mut received) = collector().await;
    let (service, idp) = spawn(&collector).await;
    let token = idp.token().subject("marked-subject").scope(ALL_SCOPES).claim("email", "marked@example.test").sign();
    let request = client().get(format!("{}/api/v1/me?marked=marked", service.url()));
    let request = request.header("Authorization", format!("Bearer {token}")).header("Cookie", "marked");
    let answer = request.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    let (spans, sent) = trace_of(&mut received, "GET /api/v1/me").await;
    let root = spans.iter().find(|span| span.name == "GET /api/v1/me").unwrap();
    assert_eq!((&*root.trace, &*root.parent, root.kind), (TRACE, PARENT, 2));
    for attribute in ["http.request.method", "http.route", "http.response.status_code"] {
        assert!(root.attributes.iter().any(|found| found.contains(attribute)), "{attribute}: {root:?}");
    }
    let children = |id: &str| -> Vec<&str> {
        spans.iter().filter(|span| span.parent == id).map(|span| span.name.as_str()).collect()
    };
    let mut parts = children(&root.id);
    parts.sort_unstable();
    assert_eq!(parts, ["handler", "resolve", "verify"]);
    let resolve = spans.iter().find(|span| span.name == "resolve").unwrap();
    assert!(children(&resolve.id).contains(&"database"), "{spans:?}");
    let sent = String::from_utf8_lossy(&sent);
    let signature = token.rsplit_once('.').unwrap().1;
    assert!(!sent.contains("marked") && !sent.contains(signature), "{sent}");
}

#[actix_web::test]
async fn trace_that_its_sender_does_not_sample_is_not_recorded() {
    let (collector, mut received) = collector().await;
    let (service, _idp) = spawn(&collector).await;
    let ask = async |path: &str, flags: &str| {
        let parent = format!("00-{TRACE}-{PARENT}-{flags}");
        client().get(format!("{}{path}", service.url())).header("traceparent", parent).send().await.unwrap();
    };
    ask("/health/live", "00").await;
    ask("/api/v1/me", "01").await;
    let (spans, _) = trace_of(&mut received, "GET /api/v1/me").await;
    assert!(spans.iter().all(|span| !span.name.contains("health")), "{spans:?}");
}
