//! The host names that a service on loopback accepts: protection against DNS rebinding.

use reqwest::Method;

use crate::support::{Setup, TestApp, client};

const REBOUND: [&str; 4] = ["rebound.example", "rebound.example:8080", "localhost.rebound.example", "10.0.0.1"];

/// A service with a public name. Its provider is not used.
fn public() -> Setup {
    const ISSUER: &str = "https://id.example.test";
    let setup = TestApp::setup().var("SERVER_PUBLIC_URL", "https://api.example.com/v2").var("OIDC_ISSUER", ISSUER);
    setup.var("BOOTSTRAP_ADMIN", &format!("{ISSUER} alice"))
}

#[actix_web::test]
async fn service_on_loopback_accepts_only_names_of_loopback() {
    let app = TestApp::spawn().await;
    let status = async |path: &str, host: &str| {
        let request = app.request(Method::GET, path).bearer(&app.admin()).header("Host", host);
        request.send().await
    };
    for path in ["/api/v1/me", "/health/ready", "/openapi.json", "/nowhere"] {
        for host in REBOUND {
            let reply = status(path, host).await;
            assert_eq!((reply.status(), reply.problem().as_str()), (421, "unknown-host"), "{path} {host}");
        }
    }
    for host in ["localhost", "LOCALHOST:1234", "app.localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:8080"] {
        assert_eq!(status("/api/v1/me", host).await.status(), 200, "{host}");
    }
}

#[actix_web::test]
async fn service_behind_a_local_proxy_accepts_its_public_name() {
    let app = public().spawn().await;
    let status = async |host: &str| app.request(Method::GET, "/health/live").header("Host", host).send().await.status();
    for host in ["api.example.com", "API.example.com:443", "127.0.0.1:8080"] {
        assert_eq!(status(host).await, 204, "{host}");
    }
    for host in REBOUND.into_iter().chain(["example.com"]) {
        assert_eq!(status(host).await, 421, "{host}");
    }
}

#[actix_web::test]
async fn service_on_all_interfaces_accepts_any_name() {
    let app = public().var("SERVER_BIND", "0.0.0.0:0").spawn().await;
    let (_, port) = app.url().rsplit_once(':').unwrap();
    let request = client().get(format!("http://127.0.0.1:{port}/health/live")).header("Host", "api.default.svc");
    assert_eq!(request.send().await.unwrap().status(), 204);
}

#[actix_web::test]
async fn metrics_on_loopback_accept_only_names_of_loopback() {
    let app = TestApp::setup().var("SERVER_MANAGEMENT_BIND", "127.0.0.1:0").spawn().await;
    let status = async |host: &str| {
        let request = client().get(format!("{}/metrics", app.management_url())).header("Host", host);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap().contains("portcullis_"))
    };
    assert_eq!(status("localhost:9464").await, (200, true));
    for host in REBOUND {
        assert_eq!(status(host).await, (421, false), "{host}");
    }
}
