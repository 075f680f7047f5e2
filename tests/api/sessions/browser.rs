//! A browser for the sign-in: it keeps cookies, and returns the redirects that it gets.

use std::collections::BTreeMap;

use portcullis::dev::{SESSION_CLIENT, SESSION_SECRET};
use portcullis::{Application, Config};
use reqwest::Method;
use url::form_urlencoded::Serializer;
use url::{Position, Url};

use crate::support::{AUDIENCE, Reply, Request, Setup, TestApp, client};

pub const KEY: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
pub const OTHER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// A sibling origin whose pages may use the cookie.
pub const APP: &str = "https://app.example.com";

/// The setup of a service with browser sign-in.
pub fn setup() -> Setup {
    settings().into_iter().fold(TestApp::setup(), |setup, (name, value)| setup.var(name, value))
}

fn settings() -> [(&'static str, &'static str); 4] {
    [
        ("OIDC_CLIENT_ID", SESSION_CLIENT),
        ("OIDC_CLIENT_SECRET", SESSION_SECRET),
        ("SESSION_KEY", KEY),
        ("SESSION_ALLOWED_ORIGINS", APP),
    ]
}

/// A service with browser sign-in.
pub async fn spawn() -> TestApp {
    setup().spawn().await
}

/// Starts another replica of the service with the same database, public URL, provider and clock. Returns its address.
pub async fn replica_of(app: &TestApp, key: &str) -> String {
    let database = app.database().url();
    let mut vars = vec![
        ("SERVER_BIND", "127.0.0.1:0"),
        ("SERVER_PUBLIC_URL", app.url()),
        ("DATABASE_URL", &*database),
        ("OIDC_ISSUER", app.idp.url()),
        ("OIDC_AUDIENCE", AUDIENCE),
    ];
    vars.extend(settings().into_iter().filter(|(name, _)| *name != "SESSION_KEY"));
    vars.push(("SESSION_KEY", key));
    let config = Config::from_vars(vars).unwrap();
    let service = Application::new().start(config, app.clock.clone()).await.unwrap();
    let url = format!("http://{}", service.address());
    portcullis::actix_web::rt::spawn(service.wait());
    url
}

pub struct Browser<'a> {
    pub app: &'a TestApp,
    pub cookies: BTreeMap<String, String>,
    /// The replica that the browser connects to.
    pub url: String,
    client: reqwest::Client,
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self { app, cookies: BTreeMap::new(), url: app.url().to_owned(), client: client() }
    }

    /// A browser with the same cookies: a thief's, or the same one at another replica.
    pub fn copy(&self) -> Self {
        Self { app: self.app, cookies: self.cookies.clone(), url: self.url.clone(), client: client() }
    }

    pub fn request(&self, method: Method, path: &str) -> Request {
        let request = Request::new(&self.client, method, &format!("{}{path}", self.url));
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("User-Agent", "Browser/1.0");
        if cookies.is_empty() { request } else { request.header("Cookie", &cookies.join("; ")) }
    }

    /// A request as sent by a script of the service's own pages.
    pub fn scripted(&self, method: Method, path: &str) -> Request {
        self.request(method, path).header("Origin", self.app.url()).header("X-Requested-With", "fetch")
    }

    pub async fn send(&mut self, request: Request) -> Reply {
        let reply = request.send().await;
        for cookie in reply.values("set-cookie") {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// Begins a sign-in. Returns the provider's page.
    pub async fn begin(&mut self, path: &str) -> Url {
        let reply = self.get(path).await;
        assert_eq!(reply.status(), 303, "{}", reply.text());
        location(&reply)
    }

    /// Chooses a user on the provider's page. Returns the callback to which the provider redirects, as a path of the service.
    pub async fn agree(&self, page: &Url, login: &str) -> String {
        let parameters = page.query_pairs().filter(|(name, _)| name != "login");
        let body = Serializer::new(String::new()).extend_pairs(parameters).append_pair("login", login).finish();
        let request = self.client.post(page[..Position::AfterPath].to_owned());
        let answer = request.header("Content-Type", "application/x-www-form-urlencoded").body(body).send();
        let answer = Reply::read(answer.await.unwrap()).await;
        let back = location(&answer);
        back.as_str().strip_prefix(self.app.url()).unwrap_or_else(|| panic!("sent to {back}")).to_owned()
    }

    /// Signs in and returns the final location.
    pub async fn sign_in(&mut self, login: &str) -> Url {
        let page = self.begin("/auth/login?return_to=/app").await;
        let back = self.agree(&page, login).await;
        self.arrive(&back).await
    }

    /// Follows the callback. Returns the location that it redirects to.
    pub async fn arrive(&mut self, back: &str) -> Url {
        let reply = self.get(back).await;
        assert_eq!(reply.status(), 303, "{}", reply.text());
        location(&reply)
    }

    /// The session as the service reports it.
    pub async fn who(&mut self) -> Reply {
        self.get("/auth/session").await
    }

    pub fn session(&self) -> Option<&str> {
        self.cookies.get("session").map(String::as_str)
    }
}

/// A signed-in browser.
pub async fn signed_in<'a>(app: &'a TestApp, login: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let landed = browser.sign_in(login).await;
    assert_eq!(landed.as_str(), format!("{}/app", app.url()));
    browser
}

pub fn location(reply: &Reply) -> Url {
    Url::parse(reply.header("location").unwrap_or_else(|| panic!("no Location: {reply:?}"))).unwrap()
}

/// The value of a parameter of a URL.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// A path and query with one parameter changed or removed.
pub fn with(path: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = path.split_once('?').unwrap();
    let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(own, _)| own != name);
    let mut query = Serializer::new(String::new());
    query.extend_pairs(pairs).extend_pairs(value.map(|value| (name, value)));
    format!("{path}?{}", query.finish())
}
