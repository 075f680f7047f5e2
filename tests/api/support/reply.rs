//! A response, read completely.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// Status, header fields and body of a response.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    pub async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.unwrap()
    }

    /// As [`read`](Self::read), from a service that may stop before the end.
    pub async fn try_read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await? })
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn text(&self) -> &str {
        &self.body
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    /// The only value of a field. Panics if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} comes twice");
        Some(value.to_str().unwrap())
    }

    /// Every value of a field.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The problem's code, after checking that the body is a complete problem of this status.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status);
        for member in ["title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
        }
        let detail = body["detail"].as_str().unwrap();
        let begins = detail.starts_with(|first: char| first.is_uppercase() || first == '`');
        assert!(begins && detail.ends_with('.'), "the detail is not a sentence: {detail}");
        assert_eq!(body["instance"].as_str(), self.header("x-request-id"));
        let kind = body["type"].as_str().unwrap();
        kind.strip_prefix("urn:portcullis:problem:").unwrap_or_else(|| panic!("type {kind}")).to_owned()
    }

    /// The parameters of the Bearer challenge, in order; `None` without a challenge.
    pub fn challenge(&self) -> Option<Vec<(String, String)>> {
        let text = self.header("www-authenticate")?.strip_prefix("Bearer ").expect("a Bearer challenge");
        let parameter = |text: &str| {
            let (name, value) = text.split_once('=').expect("name=value");
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("a quoted value");
            (name.to_owned(), value.to_owned())
        };
        Some(text.split("\", ").map(|part| parameter(&format!("{}\"", part.trim_end_matches('"')))).collect())
    }

    /// A parameter of the challenge.
    pub fn challenge_parameter(&self, name: &str) -> Option<String> {
        self.challenge()?.into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }
}
