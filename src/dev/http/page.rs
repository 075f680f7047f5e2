//! The few pages that people see: plain HTML without script, style or anything from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use url::{Host, Url};

use crate::dev::directory::PEOPLE;

/// Asks who to be. The form brings `parameters` back to `/authorize`, and `login` with them.
pub(super) fn pick_user(client_id: &str, parameters: &[(String, String)], redirect_uri: &Url) -> HttpResponse {
    let hidden: String = parameters
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value)))
        .collect();
    let choices: String = PEOPLE
        .iter()
        .map(|person| {
            format!(
                "<p><button name=\"login\" value=\"{}\">{} ({})</button></p>\n",
                person.login,
                person.name(),
                person.email
            )
        })
        .collect();
    let content = format!(
        "<p>This is the development issuer: there are no passwords. <strong>{}</strong> asks you to sign in. \
         Who do you want to be?</p>\n<form method=\"post\" action=\"/authorize\">\n{hidden}{choices}\
         <p><button name=\"login\" value=\"\">Nobody: go back</button></p>\n</form>",
        escape(client_id)
    );
    page(StatusCode::OK, "Sign in", &content, &form_targets(redirect_uri))
}

/// Says that something ended well.
pub(super) fn notice(title: &str, sentence: &str) -> HttpResponse {
    page(StatusCode::OK, title, &format!("<p>{}</p>", escape(sentence)), "'none'")
}

/// Says what is wrong with a request that cannot be answered by a redirect.
pub(super) fn refusal(sentence: &str) -> HttpResponse {
    page(StatusCode::BAD_REQUEST, "This request cannot be answered", &format!("<p>{}</p>", escape(sentence)), "'none'")
}

/// Browsers hold the redirect after a form to `form-action` as well, so the app's origin is named; a policy cannot name an IPv6 host.
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

/// Text that stays text, in content and in quoted attributes.
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
