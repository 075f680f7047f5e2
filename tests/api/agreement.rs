//! Agreement between the printed route table, the OpenAPI document, the published metadata and the access that the guard enforces.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::routes::{self, RouteLine};
use crate::support::{ALL_SCOPES, Request, TestApp};

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

async fn document(app: &TestApp) -> Value {
    let reply = app.get_without_token("/openapi.json").await;
    assert_eq!(reply.status(), 200);
    reply.json()
}

async fn fresh_request(app: &TestApp, route: &RouteLine) -> Request {
    routes::fresh_request(app, &route.method, &route.path).await
}

/// Every operation of the document with its path and method.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(METHODS.contains(&method.as_str()), "{path} has `{method}`, which is not an operation");
            operations.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    operations
}

/// The access that an operation's `security` requires, written as in the route table.
fn access(operation: &Value) -> String {
    let security = operation["security"].as_array().unwrap();
    let [requirement] = security.as_slice() else { panic!("one requirement, not {security:?}") };
    match requirement.get("bearer") {
        None => {
            assert_eq!(requirement, &json!({}));
            "public".to_owned()
        }
        Some(scopes) => match scopes.as_array().unwrap().as_slice() {
            [] => "authenticated".to_owned(),
            [scope] => scope.as_str().unwrap().to_owned(),
            more => panic!("one scope, not {more:?}"),
        },
    }
}

fn permissions(routes: &[RouteLine]) -> BTreeSet<String> {
    routes.iter().filter_map(RouteLine::permission).map(str::to_owned).collect()
}

#[test]
fn documentation_lists_exactly_the_registered_routes() {
    let has_method = |line: &&str| {
        METHODS.iter().any(|method| line.strip_prefix(&method.to_uppercase()).is_some_and(|rest| rest.starts_with(' ')))
    };
    let lines = include_str!("../../docs/routes.md").lines().map(str::trim_start).filter(has_method);
    let documented: BTreeSet<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
    let registered = routes::registered();
    let registered: BTreeSet<Vec<&str>> =
        registered.iter().map(|route| vec![&*route.method, &*route.path, &*route.access]).collect();
    assert_eq!(documented, registered, "left: docs/routes.md, right: the registered routes");
}

#[actix_web::test]
async fn the_document_has_the_routes_of_the_table_with_the_same_access() {
    let app = TestApp::spawn().await;
    let mut documented: Vec<_> = operations(&document(&app).await)
        .into_iter()
        .map(|(path, method, operation)| (path, method, access(&operation)))
        .collect();
    let mut printed: Vec<_> =
        routes::registered().into_iter().map(|line| (line.template(), line.method, line.access)).collect();
    documented.sort();
    printed.sort();
    assert_eq!(documented, printed, "left: /openapi.json, right: `portcullis routes`");
}

#[actix_web::test]
async fn the_guard_requires_exactly_the_access_of_the_table() {
    let app = TestApp::spawn().await;
    for route in routes::registered() {
        let name = format!("{} {}", route.method, route.path);
        let without = fresh_request(&app, &route).await.send().await;
        let bare = app.token("alice").without("scope").sign();
        let with_bare = fresh_request(&app, &route).await.bearer(&bare).send().await;
        match route.permission() {
            None if route.access == "public" => {
                assert!(![401, 403].contains(&without.status()), "{name}: {}", without.text());
            }
            None => {
                assert_eq!(without.problem(), "missing-token", "{name}");
                assert!(with_bare.status() < 400, "{name}: {}", with_bare.text());
            }
            Some(permission) => {
                assert_eq!(without.problem(), "missing-token", "{name}");
                assert_only_this_scope_grants_access(&app, &route, permission).await;
            }
        }
    }
}

async fn assert_only_this_scope_grants_access(app: &TestApp, route: &RouteLine, permission: &str) {
    let others: Vec<_> = ALL_SCOPES.split(' ').filter(|scope| *scope != permission).collect();
    let token = app.token("alice").scope(others.join(" ")).sign();
    let refused = fresh_request(app, route).await.bearer(&token).send().await;
    assert_eq!(refused.challenge_parameter("scope").as_deref(), Some(permission), "{route:?}");
    let token = app.token("alice").scope(permission).sign();
    let served = fresh_request(app, route).await.bearer(&token).send().await;
    assert!(served.status() < 400, "{route:?}: {}", served.text());
}

#[actix_web::test]
async fn the_metadata_names_this_service_its_issuer_and_every_required_scope() {
    let app = TestApp::spawn().await;
    let challenge = app.get_without_token("/api/v1/me").await.challenge_parameter("resource_metadata").unwrap();
    let path = challenge.strip_prefix(app.url()).unwrap();
    let metadata = app.get_without_token(path).await.json();
    assert_eq!(metadata["resource"], app.url());
    assert_eq!(metadata["authorization_servers"], json!([app.idp.url()]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    let scopes: Vec<String> = serde_json::from_value(metadata["scopes_supported"].clone()).unwrap();
    let asked: Vec<String> = permissions(&routes::registered()).into_iter().collect();
    assert_eq!(scopes, asked);
}

#[actix_web::test]
async fn the_document_lists_scopes_with_the_configured_prefix() {
    let app = TestApp::setup().var("OIDC_SCOPE_PREFIX", "api/").spawn().await;
    let documented: BTreeSet<String> = operations(&document(&app).await)
        .iter()
        .map(|(_, _, operation)| access(operation))
        .filter(|access| access.contains(':'))
        .collect();
    let asked = permissions(&routes::registered()).into_iter().map(|name| format!("api/{name}")).collect();
    assert_eq!(documented, asked);
}

#[actix_web::test]
async fn the_document_is_openapi_3_1_and_operation_ids_are_unique() {
    let app = TestApp::spawn().await;
    let document = document(&app).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let operations = operations(&document);
    let ids: BTreeSet<&str> =
        operations.iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    for (path, method, operation) in &operations {
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method} {path}");
    }
}

#[actix_web::test]
async fn exactly_the_parameters_of_every_path_are_documented() {
    let app = TestApp::spawn().await;
    for (path, method, operation) in operations(&document(&app).await) {
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let documented: BTreeSet<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| {
                assert_eq!(parameter["required"], true, "{method} {path}");
                parameter["name"].as_str().unwrap()
            })
            .collect();
        assert_eq!(documented, in_path, "{method} {path}");
    }
}

/// Every parameter of every operation.
fn parameters(document: &Value) -> Vec<Value> {
    let lists =
        operations(document).into_iter().filter_map(|(_, _, operation)| operation["parameters"].as_array().cloned());
    lists.flatten().collect()
}

/// Swagger UI fills examples in and sends them: an example would become an unwanted filter.
#[actix_web::test]
async fn optional_query_parameters_have_no_example() {
    let document = document(&TestApp::spawn().await).await;
    let parameters = parameters(&document);
    assert!(parameters.iter().any(|parameter| parameter["in"] == "query"), "no operation has a query parameter");
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query" && parameter["required"] != true) {
        for example in [&parameter["example"], &parameter["schema"]["example"], &parameter["examples"]] {
            assert!(example.is_null(), "{parameter}");
        }
    }
}

#[actix_web::test]
async fn no_parameter_requires_two_types_at_once() {
    let document = document(&TestApp::spawn().await).await;
    for parameter in parameters(&document) {
        let parts = parameter["schema"]["allOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        let types: BTreeSet<&str> = parts.iter().filter_map(|part| part["type"].as_str()).collect();
        assert!(types.len() < 2, "{parameter}");
    }
}

#[actix_web::test]
async fn every_reference_in_the_document_resolves() {
    let app = TestApp::spawn().await;
    let document = document(&app).await;
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    assert!(references.contains("#/components/schemas/Problem"), "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} does not resolve");
    }
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

#[actix_web::test]
async fn every_response_of_a_route_is_documented() {
    let app = TestApp::spawn().await;
    let document = document(&app).await;
    for route in routes::registered() {
        let responses = &document["paths"][route.template()][route.method.to_lowercase()]["responses"];
        let (good, narrow) = (app.admin(), app.token("alice").without("scope").sign());
        for (case, token) in [
            ("no token", None),
            ("a bad token", Some("bad")),
            ("no scope", Some(&*narrow)),
            ("all scopes", Some(&*good)),
        ] {
            let request = fresh_request(&app, &route).await;
            let request = token.iter().fold(request, |request, token| request.bearer(token));
            let reply = request.send().await;
            let documented = &responses[reply.status().to_string()];
            let name = format!("{} {} with {case}: {}", route.method, route.path, reply.status());
            assert!(documented.is_object(), "{name} is not documented");
            let Some(content_type) = reply.header("content-type") else { continue };
            let (media_type, _) = content_type.split_once(';').unwrap_or((content_type, ""));
            assert!(documented["content"][media_type].is_object(), "{name} is documented without {media_type}");
        }
    }
}

#[actix_web::test]
async fn the_documentation_page_and_its_files_are_served_locally_and_show_this_document() {
    let app = TestApp::spawn().await;
    let moved = app.get_without_token("/docs").await;
    assert_eq!((moved.status(), moved.header("location")), (308, Some("docs/")));
    let page = app.get_without_token("/docs/").await;
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html")));
    let files = linked(page.text());
    assert!(files.iter().any(|file| file.ends_with("swagger-ui-bundle.js")), "{files:?}");
    for file in files {
        assert!(!file.contains("//") && !file.starts_with('/'), "{file} is not relative to the page");
        let reply = app.get_without_token(&format!("/docs/{file}")).await;
        assert_eq!(reply.status(), 200, "{file}");
    }
    let settings = app.get_without_token("/docs/swagger-initializer.js").await;
    assert!(settings.text().contains("\"../openapi.json\""), "{}", settings.text());
    assert!(!settings.text().contains("//petstore") && !settings.text().contains("https:"), "{}", settings.text());
    // By default Swagger UI sends the document's URL to its public validator.
    assert!(settings.text().contains("\"validatorUrl\": \"none\""), "{}", settings.text());
    let unknown = app.request(Method::GET, "/docs/no-such-file.js").send().await;
    assert_eq!(unknown.problem(), "not-found");
}

/// The URLs in the `src` and `href` attributes of a page.
fn linked(html: &str) -> Vec<String> {
    let after =
        |attribute: &str| html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>();
    let addresses = [after(" src=\""), after(" href=\"")].concat();
    addresses.into_iter().map(|address| address.trim_start_matches("./").to_owned()).collect()
}
