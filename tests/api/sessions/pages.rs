//! Requests by cookie that pages may send: reads, upgrades and event streams.

use portcullis::actix_web::HttpResponse;
use portcullis::{AUTHENTICATED, Api, Application, op, utoipa};
use reqwest::Method;

use super::browser::{APP, Browser, setup, signed_in};
use crate::support::{TestApp, raw};

const FOREIGN: &str = "https://foreign.example";
/// Not allowed, but of the same site as [`APP`], so the browser sends the cookie.
const SIBLING: &str = "https://blog.example.com";

/// Answers an upgrade, as a WebSocket route does.
#[utoipa::path(get, path = "", responses((status = 101)))]
async fn socket() -> HttpResponse {
    HttpResponse::SwitchingProtocols().upgrade("websocket").finish()
}

/// Sends an event.
#[utoipa::path(get, path = "", responses((status = 200)))]
async fn events() -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n")
}

fn register(api: &mut Api) {
    api.get("/socket", AUTHENTICATED, op!(socket)).get("/events", AUTHENTICATED, op!(events));
}

async fn spawn() -> TestApp {
    setup().application(Application::new().routes(register)).spawn().await
}

/// The forms of an upgrade that clients and libraries use.
const UPGRADES: [&str; 8] = [
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n",
    "UPGRADE: h2c\r\nConnection: keep-alive\r\nConnection: upgrade\r\n",
    "Upgrade: websocket\r\n",
    "Upgrade:\r\n",
    "Connection: keep-alive ,uPgRaDe\r\n",
    "Connection: \u{e9}, upgrade\r\n",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
];

/// The status of a `GET` of `path` with these fields, sent verbatim.
async fn status(app: &TestApp, path: &str, credential: &str, fields: &str) -> u16 {
    let authority = app.url().strip_prefix("http://").unwrap();
    let close = if fields.to_ascii_lowercase().contains("connection:") { "" } else { "Connection: close\r\n" };
    let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n{credential}\r\n{fields}{close}\r\n");
    raw::status(authority, &head).await
}

fn cookie(browser: &Browser<'_>) -> String {
    format!("Cookie: session={}", browser.session().unwrap())
}

#[actix_web::test]
async fn upgrade_by_cookie_needs_an_allowed_origin_in_every_spelling() {
    let app = spawn().await;
    let browser = signed_in(&app, "bob").await;
    let cookie = cookie(&browser);
    let own = format!("Origin: {}\r\n", app.url());
    let refused = [
        String::new(),
        format!("Origin: {FOREIGN}\r\n"),
        format!("Origin: {SIBLING}\r\n"),
        "Origin: null\r\n".to_owned(),
        "Origin:\r\n".to_owned(),
        format!("{own}Origin: {FOREIGN}\r\n"),
        format!("Origin: {FOREIGN}\r\nSec-Fetch-Site: same-origin\r\n"),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
        "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n".to_owned(),
        // A WebSocket cannot send this field, so it must not replace the origin.
        "X-Requested-With: fetch\r\n".to_owned(),
    ];
    for upgrade in UPGRADES {
        for origin in &refused {
            assert_eq!(status(&app, "/socket", &cookie, &format!("{upgrade}{origin}")).await, 403, "{upgrade}{origin}");
        }
        for origin in [&own, &format!("Origin: {APP}\r\n"), "Sec-Fetch-Site: same-origin\r\n"] {
            assert_eq!(status(&app, "/socket", &cookie, &format!("{upgrade}{origin}")).await, 101, "{upgrade}{origin}");
        }
    }
}

#[actix_web::test]
async fn upgrade_by_token_needs_no_origin() {
    let app = spawn().await;
    let bearer = format!("Authorization: Bearer {}", app.token("bob").sign());
    for origin in ["", "Origin: https://foreign.example\r\n"] {
        assert_eq!(status(&app, "/socket", &bearer, &format!("{}{origin}", UPGRADES[0])).await, 101, "{origin}");
    }
}

#[actix_web::test]
async fn event_stream_by_cookie_needs_an_allowed_origin() {
    let app = spawn().await;
    let browser = signed_in(&app, "bob").await;
    let get = |accept: &str, fields: &[(&str, &str)]| {
        let request = browser.request(Method::GET, "/events").header("Accept", accept);
        fields.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    for accept in ["text/event-stream", "Text/Event-Stream;q=1", "text/html, text/event-stream"] {
        for fields in
            [&[][..], &[("Origin", FOREIGN)], &[("Sec-Fetch-Site", "same-site")], &[("Sec-Fetch-Site", "none")]]
        {
            let reply = get(accept, fields).await;
            assert_eq!((reply.status(), reply.problem().as_str()), (403, "cross-site-request"), "{accept} {fields:?}");
            assert!(reply.json()["detail"].as_str().unwrap().contains("event stream"), "{}", reply.text());
        }
        // An EventSource sends no `Origin` to its own origin.
        for fields in [("Sec-Fetch-Site", "same-origin"), ("Origin", APP)] {
            assert_eq!(get(accept, &[fields]).await.text(), "data: 1\n\n", "{accept} {fields:?}");
        }
    }
}

#[actix_web::test]
async fn read_by_cookie_is_refused_to_foreign_pages_and_allowed_for_links() {
    let app = spawn().await;
    let browser = signed_in(&app, "bob").await;
    let (origin, site, mode, dest) = ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest");
    let send = |method: Method, fields: &[(&str, &str)]| {
        let request = browser.request(method, "/api/v1/me");
        fields.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    let refused: &[&[(&str, &str)]] = &[
        &[(origin, FOREIGN)],
        &[(origin, SIBLING), (site, "same-site")],
        &[(origin, "null")],
        &[(origin, FOREIGN), (site, "same-origin")],
        &[(origin, APP), (origin, FOREIGN)],
        &[(site, "cross-site"), (mode, "no-cors"), (dest, "image")],
        &[(site, "same-site"), (mode, "no-cors"), (dest, "script")],
        &[(site, "cross-site"), (mode, "navigate"), (dest, "iframe")],
        &[(site, "cross-site"), (mode, "navigate"), (dest, "object")],
        &[(site, "cross-site"), (dest, "document")],
        &[(site, "same-origin"), (site, "cross-site")],
        &[(site, "unheard-of")],
    ];
    for fields in refused {
        let reply = send(Method::GET, fields).await;
        assert_eq!((reply.status(), reply.problem().as_str()), (403, "cross-site-request"), "{fields:?}");
        assert_eq!(send(Method::HEAD, fields).await.status(), 403, "{fields:?}");
    }
    let admitted: &[&[(&str, &str)]] = &[
        &[],
        &[(origin, APP), (site, "same-site")],
        &[(origin, app.url())],
        &[(site, "same-origin")],
        &[(site, "none"), (mode, "navigate"), (dest, "document")],
        &[(site, "cross-site"), (mode, "navigate"), (dest, "document")],
    ];
    for fields in admitted {
        assert_eq!(send(Method::GET, fields).await.status(), 200, "{fields:?}");
    }
    let by_token = app.request(Method::GET, "/api/v1/me").bearer(&app.token("bob").sign()).header(origin, FOREIGN);
    assert_eq!(by_token.send().await.status(), 200, "a page cannot attach a token by itself");
}
