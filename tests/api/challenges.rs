//! The metadata URL in the challenge of a refused request.

use reqwest::Url;
use serde_json::json;

use crate::support::TestApp;

#[actix_web::test]
async fn challenge_names_a_working_metadata_url_with_and_without_a_public_path() {
    for path in ["", "/base/v2"] {
        let public_url = format!("http://127.0.0.1:1{path}");
        let app = TestApp::setup().var("SERVER_PUBLIC_URL", &public_url).spawn().await;
        let refused = app.get_without_token("/api/v1/me").await;
        let metadata_url = Url::parse(&refused.challenge_parameter("resource_metadata").unwrap()).unwrap();
        let metadata = app.get_without_token(metadata_url.path()).await;
        assert_eq!((metadata.status(), &metadata.json()["resource"]), (200, &json!(public_url)), "{metadata_url}");
        assert_eq!(metadata.json()["authorization_servers"], json!([app.idp.url()]));
        let elsewhere = app.get_without_token("/.well-known/oauth-protected-resource/elsewhere").await;
        assert_eq!(elsewhere.problem(), "not-found");
    }
}
