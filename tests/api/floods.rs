//! What the real program does under more than anyone means well: it goes on to serve, within a second, in bounded memory.
//!
//! These want the machine for themselves, so `scripts/test` runs them one after another, and their figures are printed. A second is some
//! thirty times what a good request takes here: whoever needs longer waits for the flood.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis::dev::{Issuer, IssuerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::program::{Program, Service};
use crate::support::{ALL_SCOPES, AUDIENCE, client};

/// The most that the program may ever have in memory, in KiB: in a build without optimization, with all of the following at once.
const MEMORY: u64 = 200 * 1024;
/// By then a good request is served.
const PROMISED: Duration = Duration::from_secs(1);
/// By then a connection of the flood is over, or the service hangs.
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
            // Whoever keeps the end of a refused connection open is left after this time.
            .var("SERVER_KEEP_ALIVE_SECONDS", "2")
            .var("LOG_LEVEL", "warn,portcullis::cli=info")
            .serve();
        let token = idp.token().subject("bob").scope(ALL_SCOPES).sign();
        let flooded = Self { service, token, _idp: idp };
        flooded.serves_well("before").await;
        flooded
    }

    /// Good requests, each on a connection of its own; prints how long the slowest took.
    async fn serves_well(&self, during: &str) {
        let client = client();
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let begun = Instant::now();
            let request = client.get(format!("{}/api/v1/me", self.service.url())).bearer_auth(&self.token).send();
            assert_eq!(timeout(PROMISED, request).await.unwrap().unwrap().status(), 200, "{during}");
            slowest = slowest.max(begun.elapsed());
        }
        let memory = self.service.peak_memory();
        println!("{during}: the slowest of 10 good requests took {slowest:?}; at the most {memory} KiB were in memory");
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

/// The status of what a connection gives until it is closed.
async fn last_status(mut stream: TcpStream) -> u16 {
    let mut answer = Vec::new();
    // Whoever sends on while it is answered may lose the end of the answer.
    let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.rsplit("HTTP/1.1 ").next().and_then(|answer| answer.get(..3)).unwrap_or("0").parse().unwrap_or_default()
}

#[actix_web::test]
#[ignore = "wants the machine for itself: see scripts/test"]
async fn five_hundred_slow_connections_keep_nobody_waiting() {
    let flooded = Flooded::spawn().await;
    let heads =
        join_all((0..250).map(|_| flooded.connect("GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: "))).await;
    let body = flooded.head("Content-Length: 1000") + "{\"locale\":";
    let bodies = join_all((0..250).map(|_| flooded.connect(&body))).await;
    flooded.serves_well("with 500 slow connections").await;
    let answers = join_all(heads.into_iter().chain(bodies).map(last_status)).await;
    assert!(answers.iter().all(|status| *status == 408), "{answers:?}");
    flooded.serves_well("after 500 slow connections").await;
}

#[actix_web::test]
#[ignore = "wants the machine for itself: see scripts/test"]
async fn large_bodies_are_refused_without_being_kept() {
    let flooded = Flooded::spawn().await;
    let body = " ".repeat(10 * 1024 * 1024);
    let sized = flooded.head("Content-Length: 10485760");
    let chunked = flooded.head("Transfer-Encoding: chunked") + "a00000\r\n";
    let send = async |head: &str| {
        let mut stream = flooded.connect(head).await;
        // Fails once the service has had enough of it.
        let _ = timeout(DEADLINE, stream.write_all(body.as_bytes())).await.unwrap();
        last_status(stream).await
    };
    let answers = join_all((0..40).map(|number| send(if number % 2 == 0 { &sized } else { &chunked }))).await;
    // 0: cut off before the answer was read.
    assert!(answers.iter().all(|status| matches!(status, 413 | 0)), "{answers:?}");
    assert!(answers.contains(&413), "{answers:?}");
    flooded.serves_well("after 40 bodies of 10 MiB").await;
}

#[actix_web::test]
#[ignore = "wants the machine for itself: see scripts/test"]
async fn json_that_is_nested_too_deep_is_refused_and_overflows_nothing() {
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
    flooded.serves_well("after JSON 100,000 deep").await;
}

#[actix_web::test]
#[ignore = "wants the machine for itself: see scripts/test"]
async fn a_thousand_connections_at_once_are_served() {
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
    flooded.serves_well("with 1,000 open connections").await;
}
