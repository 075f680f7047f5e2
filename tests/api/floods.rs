//! Load of the real program far beyond normal use: it keeps serving within a second and in bounded memory.
//!
//! These tests need the machine for themselves, so `scripts/test` runs them one after another; they print their figures. One second is
//! about thirty times the duration of a normal request: a slower one is delayed by the flood.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis::dev::{Issuer, IssuerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::program::{Program, Service};
use crate::support::{ALL_SCOPES, AUDIENCE, client};

/// The limit of the program's peak memory in KiB: in a build without optimization, for all tests of this file together.
const MEMORY: u64 = 200 * 1024;
/// The time within which a valid request is served.
const PROMISED: Duration = Duration::from_secs(1);
/// The time within which a connection of the flood ends. Past it, the service hangs.
const DEADLINE: Duration = Duration::from_secs(20);

struct Flooded {
    service: Service,
    token: String,
    _idp: Issuer,
}

impl Flooded {
    async fn spawn() -> Self {
        let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
        let service = Program::portcullis()
            .trusting(&idp)
            .var("SERVER_BODY_BYTES", "1048576")
            // The time after which a refused connection that its client keeps open is closed.
            .var("SERVER_KEEP_ALIVE_SECONDS", "2")
            .var("LOG_LEVEL", "warn,portcullis::cli=info")
            .serve();
        let token = idp.token().subject("bob").scope(ALL_SCOPES).sign();
        let flooded = Self { service, token, _idp: idp };
        flooded.assert_serves("before").await;
        flooded
    }

    /// Sends valid requests, each on its own connection; prints how long the slowest took.
    async fn assert_serves(&self, during: &str) {
        let client = client();
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let begun = Instant::now();
            let request = client.get(format!("{}/api/v1/me", self.service.url())).bearer_auth(&self.token).send();
            assert_eq!(timeout(PROMISED, request).await.unwrap().unwrap().status(), 200, "{during}");
            slowest = slowest.max(begun.elapsed());
        }
        let memory = self.service.peak_memory();
        println!("{during}: the slowest of 10 valid requests took {slowest:?}; peak memory {memory} KiB");
        assert!(memory < MEMORY, "{during}: {memory} KiB");
    }

    async fn connect(&self, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.service.url().strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }

    fn head(&self, fields: &str) -> String {
        let fixed = "Host: localhost\r\nIf-Match: *\r\nContent-Type: application/json";
        format!("PATCH /api/v1/me HTTP/1.1\r\n{fixed}\r\nAuthorization: Bearer {}\r\n{fields}\r\n\r\n", self.token)
    }
}

/// The status of the last response before a connection is closed.
async fn last_status(mut stream: TcpStream) -> u16 {
    let mut answer = Vec::new();
    // A client that still sends during the response may lose its end.
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.rsplit("HTTP/1.1 ").next().and_then(|answer| answer.get(..3)).unwrap_or("0").parse().unwrap_or_default()
}

#[actix_web::test]
#[ignore = "needs the machine for itself: see scripts/test"]
async fn five_hundred_slow_connections_delay_no_other_request() {
    let flooded = Flooded::spawn().await;
    let heads =
        join_all((0..250).map(|_| flooded.connect("GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: "))).await;
    let body = flooded.head("Content-Length: 1000") + "{\"locale\":";
    let bodies = join_all((0..250).map(|_| flooded.connect(&body))).await;
    flooded.assert_serves("with 500 slow connections").await;
    let answers = join_all(heads.into_iter().chain(bodies).map(last_status)).await;
    assert!(answers.iter().all(|status| *status == 408), "{answers:?}");
    flooded.assert_serves("after 500 slow connections").await;
}

#[actix_web::test]
#[ignore = "needs the machine for itself: see scripts/test"]
async fn large_bodies_are_refused_without_being_buffered() {
    let flooded = Flooded::spawn().await;
    let body = " ".repeat(10 * 1024 * 1024);
    let sized = flooded.head("Content-Length: 10485760");
    let chunked = flooded.head("Transfer-Encoding: chunked") + "a00000\r\n";
    let send = async |head: &str| {
        let mut stream = flooded.connect(head).await;
        // Fails once the service closes the connection.
        let _ = timeout(DEADLINE, stream.write_all(body.as_bytes())).await.unwrap();
        last_status(stream).await
    };
    let answers = join_all((0..40).map(|number| send(if number % 2 == 0 { &sized } else { &chunked }))).await;
    // 0: the connection was cut before the response was read.
    assert!(answers.iter().all(|status| matches!(status, 413 | 0)), "{answers:?}");
    assert!(answers.contains(&413), "{answers:?}");
    flooded.assert_serves("after 40 bodies of 10 MiB").await;
}

#[actix_web::test]
#[ignore = "needs the machine for itself: see scripts/test"]
async fn deeply_nested_json_is_refused_without_a_stack_overflow() {
    let flooded = Flooded::spawn().await;
    let url = format!("{}/api/v1/me", flooded.service.url());
    let send = async |body: String| {
        let request = client().patch(&url).bearer_auth(&flooded.token).header("If-Match", "*");
        request.header("Content-Type", "application/json").body(body).send().await.unwrap().status()
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [128, 100_000] {
            assert_eq!(send(open.repeat(depth)).await, 400, "{open} {depth}");
            assert_eq!(send(format!("{}1{}", open.repeat(depth), close.repeat(depth))).await, 400, "{open} {depth}");
            assert_eq!(send(format!("{{\"locale\":{}", open.repeat(depth))).await, 400, "{open} {depth}");
        }
    }
    flooded.assert_serves("after JSON 100,000 deep").await;
}

#[actix_web::test]
#[ignore = "needs the machine for itself: see scripts/test"]
async fn a_thousand_concurrent_connections_are_served() {
    let flooded = Flooded::spawn().await;
    let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut streams = join_all((0..1000).map(|_| flooded.connect(live))).await;
    let mut served = 0;
    for stream in &mut streams {
        let mut start = [0; 12];
        timeout(DEADLINE, stream.read_exact(&mut start)).await.unwrap().unwrap();
        served += usize::from(&start == b"HTTP/1.1 204");
    }
    assert_eq!(served, 1000);
    flooded.assert_serves("with 1,000 open connections").await;
}
