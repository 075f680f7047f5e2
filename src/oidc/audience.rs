//! Whom a token is meant for: `aud` (RFC 7519 section 4.1.3, RFC 8725 section 3.9).

use serde_json::{Map, Value};

use super::Rejection;

/// Refuses a token whose `aud`, a text or a list of texts, does not hold one of `ours` exactly.
pub(super) fn check(claims: &Map<String, Value>, ours: &[String]) -> Result<(), Rejection> {
    let is_ours = |audience: &str| ours.iter().any(|own| own == audience);
    let named = match claims.get("aud") {
        Some(Value::String(audience)) => is_ours(audience),
        Some(Value::Array(audiences)) => {
            audiences.iter().all(Value::is_string) && audiences.iter().filter_map(Value::as_str).any(is_ours)
        }
        _ => false,
    };
    if named { Ok(()) } else { Err(Rejection::WrongAudience) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_ours(claims: Value) -> bool {
        let ours = ["https://api.example.com".to_owned(), "api".to_owned()];
        check(claims.as_object().unwrap(), &ours).is_ok()
    }

    #[test]
    fn one_exact_name_is_enough() {
        assert!(is_ours(json!({ "aud": "api" })));
        assert!(is_ours(json!({ "aud": ["other", "https://api.example.com"] })));
    }

    #[test]
    fn everything_else_is_meant_for_others() {
        let others =
            [json!("API"), json!("api "), json!("ap"), json!("https://api.example.com/"), json!("other"), json!("")];
        let malformed = [json!(null), json!([]), json!(1), json!({ "api": true }), json!(["api", 1]), json!([["api"]])];
        for audience in others.into_iter().chain(malformed) {
            assert!(!is_ours(json!({ "aud": audience })), "{audience}");
        }
        assert!(!is_ours(json!({})));
    }

    #[test]
    fn without_a_name_of_our_own_nothing_is_ours() {
        assert_eq!(check(json!({ "aud": "" }).as_object().unwrap(), &[]), Err(Rejection::WrongAudience));
    }
}
