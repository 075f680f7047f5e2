//! Shutdown of the real program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use portcullis::actix_web::rt::{spawn, task::spawn_blocking};
use portcullis::dev::{Issuer, IssuerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::program::{Program, Service};
use crate::support::{ALL_SCOPES, AUDIENCE, client};

/// The service with these periods for grace and for open requests, in seconds, and a token for it.
async fn serve(grace: u32, shutdown: u32) -> (Service, String, Issuer) {
    let idp = Issuer::start(IssuerOptions::new(AUDIENCE)).await.unwrap();
    let service = Program::portcullis()
        .trusting(&idp)
        .var("SERVER_GRACE_SECONDS", &grace.to_string())
        .var("SERVER_SHUTDOWN_SECONDS", &shutdown.to_string())
        .serve();
    let token = idp.token().subject("bob").scope(ALL_SCOPES).sign();
    let met = client().get(format!("{}/api/v1/me", service.url())).bearer_auth(&token).send().await.unwrap();
    assert_eq!(met.status(), 200);
    (service, token, idp)
}

/// A request that the service has received except for the last octet of its body.
async fn half_sent(service: &Service, token: &str) -> TcpStream {
    let authority = service.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let head =
        format!("PATCH /api/v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nIf-Match: *\r\n");
    let rest = "Content-Type: application/json\r\nContent-Length: 19\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
    let mut word = [0; 25];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n", "the service has received the head");
    stream.write_all(b"{\"locale\": \"en-GB\"").await.unwrap();
    stream
}

/// Sends the rest of the request and returns the response.
async fn finish(mut stream: TcpStream) -> String {
    stream.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Returns the service once it has logged this.
async fn logged(service: Service, message: &'static str) -> Service {
    spawn_blocking(move || {
        service.logged(|event| event["message"] == message);
        service
    })
    .await
    .unwrap()
}

#[actix_web::test]
async fn terminated_under_load_service_answers_every_request_and_exits_with_0() {
    let (service, token, _idp) = serve(5, 20).await;
    let (url, is_stopping) = (service.url().to_owned(), Arc::new(AtomicBool::new(false)));
    let (answered, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients = (0..16).map(|number| {
        let (url, token) = (url.clone(), token.clone());
        let (is_stopping, answered, closed) = (is_stopping.clone(), answered.clone(), closed.clone());
        spawn(async move {
            // Half of them keep their connection, half open one for each request.
            let idle = if number % 2 == 0 { 1 } else { 0 };
            let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(idle).build().unwrap();
            while !is_stopping.load(Ordering::Acquire) {
                let answer = client.get(format!("{url}/api/v1/me")).bearer_auth(&token).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                closed.fetch_add(usize::from(answer.headers().contains_key("connection")), Ordering::Relaxed);
                assert!(answer.text().await.unwrap().contains("bob"));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let slow = join_all((0..8).map(|_| half_sent(&service, &token))).await;
    // As a load balancer does: it polls, and learns late that the service is not ready.
    let balancer = client();
    let ready = async || balancer.get(format!("{url}/health/ready")).send().await.unwrap().status();
    let more = async |count: usize, status: u16| {
        let until = answered.load(Ordering::Relaxed) + count;
        while answered.load(Ordering::Relaxed) < until {
            assert_eq!(ready().await, status);
        }
    };
    more(200, 200).await;
    service.terminate();
    while ready().await == 200 {}
    more(200, 503).await;
    is_stopping.store(true, Ordering::Release);
    for client in clients {
        client.await.unwrap();
    }
    let service = logged(service, "no longer accepting connections; finishing open requests").await;
    for answer in join_all(slow.into_iter().map(finish)).await {
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    let (code, log, folder) = spawn_blocking(|| service.end()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"stopped\""), "the log is not flushed: {log}");
    // SQLite removes its auxiliary files when the last connection closes.
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["portcullis.db"]);
    let (answered, closed) = (answered.load(Ordering::Relaxed), closed.load(Ordering::Relaxed));
    println!("{answered} requests and 8 half sent ones were answered, {closed} of them with `Connection: close`");
}

#[actix_web::test]
async fn incomplete_request_is_cut_off_after_the_deadline() {
    let (service, token, _idp) = serve(0, 1).await;
    let _open = half_sent(&service, &token).await;
    service.terminate();
    let (code, log, _folder) = spawn_blocking(|| service.end()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
}

#[actix_web::test]
async fn second_signal_ends_the_grace_and_third_ends_the_process() {
    let (service, token, _idp) = serve(600, 3600).await;
    let _open = half_sent(&service, &token).await;
    service.terminate();
    let service = logged(service, "received a signal to stop").await;
    service.terminate();
    let service = logged(service, "no longer accepting connections; finishing open requests").await;
    service.terminate();
    let (code, log, _folder) = spawn_blocking(|| service.end()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("received another signal to stop"), "{log}");
}
