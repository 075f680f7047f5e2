//! The OpenAPI document of the registered routes.
//!
//! Method, path and security come from the registration, so they match what the guard enforces. The handler's documentation adds
//! parameters, bodies and specific responses. This module adds the problems that all routes of a kind have in common.

use actix_web::http::Method;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{HttpMethod, Operation as Document, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    Required, Response, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::registration::Documentation;
use super::route_entry::RouteEntry;
use crate::auth::access::Access;
use crate::error::{PROBLEM_MEDIA_TYPE, Problem, ProblemBody, problem};
use crate::models::permission::{DeclaredPermissions, Permission};
use crate::oidc::SignInEndpoints;

/// The name of the security scheme in the document.
const BEARER: &str = "bearer";
/// The name of the security scheme for sign-in on the documentation page.
const SIGN_IN: &str = "sign-in";
/// The header field with the version that a change applies to.
const IF_MATCH: &str = "If-Match";

/// Returns the document for these routes. Scopes (name and summary) have the issuer's prefix, as in a client's request.
pub(crate) fn document(routes: &[RouteEntry], scopes: &[(String, String)], scope_prefix: &str) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new()
        .security_scheme(BEARER, bearer_scheme(scopes))
        .schema(ProblemBody::name(), ProblemBody::schema());
    for route in routes {
        let documented = (route.documentation.document)();
        components = components.schemas_from_iter(documented.schemas);
        let operation = complete(documented.operation, route, scope_prefix);
        if let Some(method) = openapi_method(&route.method) {
            paths.add_path_operation(template(&route.path), vec![method], operation);
        }
    }
    OpenApiBuilder::new().info(info()).paths(paths).components(Some(components.build())).build()
}

/// Adds sign-in at these endpoints to `document`, for these scopes (name and summary).
///
/// Sign-in yields a bearer token, so it applies to every operation that accepts one.
pub(crate) fn with_sign_in(document: &OpenApi, endpoints: &SignInEndpoints, scopes: &[(String, String)]) -> Value {
    let mut document = json!(document);
    let scopes: Map<String, Value> = scopes.iter().map(|(name, summary)| (name.clone(), json!(summary))).collect();
    let scheme = json!({
        "type": "oauth2",
        "description": "Sign in at the identity provider. This page then acts for you within the selected scopes.",
        "flows": { "authorizationCode": {
            "authorizationUrl": endpoints.authorization.as_str(),
            "tokenUrl": endpoints.token.as_str(),
            "scopes": scopes,
        } },
    });
    if let Some(schemes) = document.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut) {
        schemes.insert(SIGN_IN.to_owned(), scheme);
    }
    let paths =
        document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    for requirements in operations.filter_map(|operation| operation.get_mut("security")?.as_array_mut()) {
        let by_token = requirements.iter().filter_map(|requirement| requirement.get(BEARER));
        let by_sign_in: Vec<_> = by_token.map(|scopes| json!({ (SIGN_IN): scopes })).collect();
        requirements.splice(0..0, by_sign_in);
    }
    document
}

/// Whether the handler's documentation names the registered method.
pub(crate) fn is_documented_as(documentation: Documentation, method: &Method) -> bool {
    openapi_method(method).is_some_and(|method| (documentation.document)().methods == [method])
}

fn info() -> utoipa::openapi::Info {
    InfoBuilder::new()
        .title("Portcullis")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")))
        .build()
}

/// Returns the scopes in the spelling of the issuer, with their summaries.
pub(crate) fn scopes(declared: &DeclaredPermissions, scope_prefix: &str) -> Vec<(String, String)> {
    let spell = |p: Permission| (format!("{scope_prefix}{}", p.name()), p.summary().to_owned());
    declared.all().map(spell).collect()
}

fn bearer_scheme(scopes: &[(String, String)]) -> SecurityScheme {
    let scopes: String = scopes.iter().map(|(name, summary)| format!("\n- `{name}`: {summary}")).collect();
    let description = format!("An access token of the identity provider. Scopes:\n{scopes}");
    SecurityScheme::Http(
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(description)).build(),
    )
}

/// Completes an operation with the properties of its registration.
fn complete(mut operation: Document, route: &RouteEntry, scope_prefix: &str) -> Document {
    let module = route.documentation.module.rsplit("::").next().unwrap_or_default();
    operation.operation_id = Some(format!("{module}_{}", route.documentation.name));
    operation.tags = Some(vec![resource(&route.path).unwrap_or(module).to_owned()]);
    operation.security = Some(match route.access {
        Access::Public => vec![SecurityRequirement::default()],
        Access::Authenticated => vec![SecurityRequirement::new(BEARER, [""; 0])],
        Access::Requires(permission) => {
            vec![SecurityRequirement::new(BEARER, [format!("{scope_prefix}{}", permission.name())])]
        }
    });
    for problem in common_problems(&operation, route.access) {
        let status = problem.status.as_str().to_owned();
        operation.responses.responses.entry(status).or_insert_with(|| response(problem).into());
    }
    show_problems(&mut operation);
    name_precondition(&mut operation);
    operation
}

/// Adds the problem body, which is the same for all failures, to the error responses.
fn show_problems(operation: &mut Document) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            response.content.insert(PROBLEM_MEDIA_TYPE.to_owned(), problem_content().into());
        }
    }
}

/// Adds `If-Match` to an operation that returns 412. The parameter is required if the operation returns 428.
fn name_precondition(operation: &mut Document) {
    let responses = &operation.responses.responses;
    let (is_conditional, is_required) = (responses.contains_key("412"), responses.contains_key("428"));
    if !is_conditional {
        return;
    }
    let parameters = operation.parameters.get_or_insert_default();
    if parameters.iter().any(|parameter| matches!(parameter, RefOr::T(named) if named.name == IF_MATCH)) {
        return;
    }
    let parameter = ParameterBuilder::new()
        .name(IF_MATCH)
        .parameter_in(ParameterIn::Header)
        .description(Some("The `ETag` of the version to change, or `*`"))
        .required(if is_required { Required::True } else { Required::False })
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build();
    parameters.push(parameter.into());
}

/// Returns the resource of an API path. Several modules can serve the same resource.
fn resource(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v1/")?.split('/').next()
}

/// Returns the problems that follow from the access and the input of the operation.
fn common_problems(operation: &Document, access: Access) -> Vec<&'static Problem> {
    let mut problems = vec![&problem::INTERNAL, &problem::HEADER_TOO_LARGE];
    if operation.parameters.is_some() {
        problems.push(&problem::INVALID_PARAMETER);
    }
    if operation.request_body.is_some() {
        problems.extend([
            &problem::INVALID_BODY,
            &problem::BODY_TOO_LARGE,
            &problem::BODY_TOO_SLOW,
            &problem::UNSUPPORTED_MEDIA_TYPE,
        ]);
    }
    match access {
        Access::Public => {}
        Access::Authenticated | Access::Requires(_) => problems.extend([
            &problem::INVALID_REQUEST,
            &problem::MISSING_TOKEN,
            &problem::PRINCIPAL_DISABLED,
            &problem::RATE_LIMITED,
            &problem::KEYS_UNAVAILABLE,
        ]),
    }
    problems
}

fn response(problem: &Problem) -> Response {
    ResponseBuilder::new().description(problem.title).content(PROBLEM_MEDIA_TYPE, problem_content()).build()
}

fn problem_content() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build()
}

fn openapi_method(method: &Method) -> Option<HttpMethod> {
    match method.as_str() {
        "GET" => Some(HttpMethod::Get),
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "PATCH" => Some(HttpMethod::Patch),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

/// Returns Actix's path as an OpenAPI path template, without the patterns of parameters.
pub(crate) fn template(path: &str) -> String {
    let name_only = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.split_once(':')) {
        Some((name, _pattern)) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(name_only).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_omits_patterns_of_parameters() {
        assert_eq!(template("/docs/{file:.*}"), "/docs/{file}");
        assert_eq!(template("/users/{id}/roles/{role}"), "/users/{id}/roles/{role}");
    }
}
