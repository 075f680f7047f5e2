use serde_json::json;

use super::*;
use crate::oidc::testing::{ScriptedProvider, SigningKey, key_document};

fn document() -> String {
    key_document(&[&SigningKey::generate(Algorithm::Es256, "a")])
}

async fn count_keys(settings: &IssuerSettings) -> Result<usize, String> {
    let provider = Provider::new(settings, ProviderClient::new().unwrap());
    provider.fetch_keys().await.map(|(_, document)| document.keys.len()).map_err(|error| error.to_string())
}

fn metadata(issuer: &str, jwks_uri: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string()
}

#[test]
fn well_known_urls_follow_from_the_issuer() {
    let urls = |issuer| (openid_metadata_url(issuer).map(String::from), oauth_metadata_url(issuer).map(String::from));
    let expected = |openid: &str, oauth: &str| (Some(openid.to_owned()), Some(oauth.to_owned()));
    let root = expected(
        "https://id.example/.well-known/openid-configuration",
        "https://id.example/.well-known/oauth-authorization-server",
    );
    assert_eq!(urls("https://id.example"), root);
    assert_eq!(urls("https://id.example/"), root);
    let realm = expected(
        "https://id.example/realms/a/.well-known/openid-configuration",
        "https://id.example/.well-known/oauth-authorization-server/realms/a",
    );
    assert_eq!(urls("https://id.example/realms/a"), realm);
    assert_eq!(urls("https://id.example/realms/a/"), realm);
    assert_eq!(urls("id.example"), (None, None));
    assert_eq!(urls("urn:issuer"), (None, None));
}

#[tokio::test]
async fn oauth_metadata_is_fetched_if_openid_metadata_is_not_found() {
    let server = ScriptedProvider::start().await;
    let mut settings = server.settings();
    settings.issuer = format!("{}/tenant", server.url);
    let jwks = format!("{}/jwks", server.url);
    server.answer("/.well-known/oauth-authorization-server/tenant", 200, &metadata(&settings.issuer, &jwks));
    server.answer("/jwks", 200, &document());
    assert_eq!(count_keys(&settings).await, Ok(1));
    assert_eq!(server.asked("/tenant/.well-known/openid-configuration"), 1);

    server.answer("/tenant/.well-known/openid-configuration", 500, "");
    assert!(count_keys(&settings).await.unwrap_err().contains("answered 500"));
}

#[tokio::test]
async fn configured_urls_replace_the_well_known_ones() {
    let server = ScriptedProvider::start().await;
    let mut settings = server.settings();
    settings.issuer = "https://id.example".to_owned();
    settings.discovery_url = Some(format!("{}/metadata", server.url).parse().unwrap());
    server.answer("/metadata", 200, &metadata("https://id.example", &format!("{}/keys", server.url)));
    server.answer("/keys", 200, &document());
    assert_eq!(count_keys(&settings).await, Ok(1));

    settings.jwks_url = Some(format!("{}/keys", server.url).parse().unwrap());
    assert_eq!(count_keys(&settings).await, Ok(1));
    assert_eq!((server.asked("/metadata"), server.asked("/keys")), (1, 2));
}

#[tokio::test]
async fn metadata_must_name_the_issuer_exactly() {
    let server = ScriptedProvider::start().await;
    server.answer("/jwks", 200, &document());
    for issuer in [format!("{}/", server.url), server.url.to_uppercase(), "https://other.example".to_owned()] {
        let body = metadata(&issuer, &format!("{}/jwks", server.url));
        server.answer("/.well-known/openid-configuration", 200, &body);
        let error = count_keys(&server.settings()).await.unwrap_err();
        assert!(error.contains(&format!("{issuer:?}")) && error.contains(&format!("{:?}", server.url)), "{error}");
    }
    assert_eq!(server.asked("/jwks"), 0);
}

#[tokio::test]
async fn malformed_metadata_is_rejected() {
    let server = ScriptedProvider::start().await;
    let twice = format!(r#"{{"issuer":"{0}","issuer":"{0}","jwks_uri":"{0}/jwks"}}"#, server.url);
    for body in ["", "[]", "<html>", r#"{"issuer":"a"}"#, r#"{"issuer":["a"],"jwks_uri":"b"}"#, &twice] {
        server.answer("/.well-known/openid-configuration", 200, body);
        assert!(count_keys(&server.settings()).await.unwrap_err().contains("is not a JSON object"), "{body}");
    }
    server.answer("/.well-known/openid-configuration", 200, &metadata(&server.url, "/jwks"));
    assert!(count_keys(&server.settings()).await.unwrap_err().contains("is not a URL"));
}

#[tokio::test]
async fn metadata_with_a_forbidden_jwks_uri_is_rejected() {
    let server = ScriptedProvider::start().await;
    for jwks_uri in
        ["http://169.254.169.254/latest", "http://10.0.0.1/jwks", "file:///etc/passwd", "https://a:b@id.example/"]
    {
        server.answer("/.well-known/openid-configuration", 200, &metadata(&server.url, jwks_uri));
        let error = count_keys(&server.settings()).await.unwrap_err();
        assert!(error.contains("may not be fetched"), "{error}");
    }
    let mut settings = server.settings();
    settings.plain_http = PlainHttp::default();
    assert!(count_keys(&settings).await.unwrap_err().contains("may not be fetched"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = ScriptedProvider::start().await;
    let mut settings = server.settings();
    settings.jwks_url = Some(format!("{}/old", server.url).parse().unwrap());
    server.answer("/new", 200, &document());
    server
        .answer_raw("/old", format!("HTTP/1.1 302 Found\r\nlocation: {}/new\r\ncontent-length: 0\r\n\r\n", server.url));
    assert!(count_keys(&settings).await.unwrap_err().contains("answered 302"));
    assert_eq!(server.asked("/new"), 0);
}

#[tokio::test]
async fn document_size_is_limited_whatever_its_content_length() {
    let server = ScriptedProvider::start().await;
    let mut settings = server.settings();
    settings.jwks_url = Some(format!("{}/keys", server.url).parse().unwrap());
    let padded = |length: usize| format!("{}{}", document(), " ".repeat(length - document().len()));
    server.answer("/keys", 200, &padded(512 * 1024));
    assert_eq!(count_keys(&settings).await, Ok(1));
    server.answer("/keys", 200, &padded(512 * 1024 + 1));
    assert!(count_keys(&settings).await.unwrap_err().contains("more than 524288 bytes"));
    server.answer_raw(
        "/keys",
        format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\nconnection: close\r\n\r\n{}", document()),
    );
    assert!(count_keys(&settings).await.unwrap_err().contains("could not be reached"));
}

#[tokio::test]
async fn unusable_key_set_is_reported_with_its_cause() {
    let server = ScriptedProvider::start().await;
    server.publish(&[]);
    assert!(count_keys(&server.settings()).await.unwrap_err().contains("contains no usable key"));
    server.answer_raw("/jwks", &b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"keys\":[\"\xff\"]}"[..]);
    assert!(count_keys(&server.settings()).await.unwrap_err().contains("not a JSON object"));
    server.answer("/jwks", 204, "");
    assert!(count_keys(&server.settings()).await.unwrap_err().contains("answered 204"));
}

#[tokio::test]
async fn provider_that_does_not_speak_http_is_unreachable() {
    let server = ScriptedProvider::start().await;
    server.answer_raw("/.well-known/openid-configuration", "not http at all\r\n\r\n");
    let error = count_keys(&server.settings()).await.unwrap_err();
    assert!(error.contains("could not be reached"), "{error}");
}
