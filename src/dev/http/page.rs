//! The HTML pages of the issuer, without scripts, styles or external resources.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use url::{Host, Url};

use crate::dev::directory::USERS;

/// The page to choose a user. Its form sends `parameters` and `login` to `/authorize`.
pub(super) fn choose_user(client_id: &str, parameters: &[(String, String)], redirect_uri: &Url) -> HttpResponse {
    let hidden: String = parameters
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value)))
        .collect();
    let choices: String = USERS
        .iter()
        .map(|user| {
            format!(
                "<p><button name=\"login\" value=\"{}\">{} ({})</button></p>\n",
                user.login,
                user.name(),
                user.email
            )
        })
        .collect();
    let content = format!(
        "<p>This is the development issuer: there are no passwords. <strong>{}</strong> asks you to sign in. \
         Choose a user:</p>\n<form method=\"post\" action=\"/authorize\">\n{hidden}{choices}\
         <p><button name=\"login\" value=\"\">Cancel</button></p>\n</form>",
        escape(client_id)
    );
    page(StatusCode::OK, "Sign in", &content, &form_targets(redirect_uri))
}

/// A page that confirms success.
pub(super) fn notice(title: &str, sentence: &str) -> HttpResponse {
    page(StatusCode::OK, title, &format!("<p>{}</p>", escape(sentence)), "'none'")
}

/// An error page, for requests that cannot be answered with a redirect.
pub(super) fn refusal(sentence: &str) -> HttpResponse {
    page(StatusCode::BAD_REQUEST, "Invalid request", &format!("<p>{}</p>", escape(sentence)), "'none'")
}

/// The value of `form-action`. Browsers also apply it to the redirect after a form, so it contains the client's origin. A policy cannot
/// contain an IPv6 host.
fn form_targets(redirect_uri: &Url) -> String {
    match redirect_uri.host() {
        Some(Host::Ipv6(_)) => format!("'self' {}:", redirect_uri.scheme()),
        _ => format!("'self' {}", redirect_uri.origin().ascii_serialization()),
    }
}

fn page(status: StatusCode, title: &str, content: &str, form_targets: &str) -> HttpResponse {
    let policy = format!("default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action {form_targets}");
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n</head>\n\
             <body>\n<main>\n<h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
        ))
}

/// Escapes text for HTML content and quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
