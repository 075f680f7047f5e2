//! The URL of a PostgreSQL server, as libpq reads it. It may hold a password, so it is never displayed.

use std::fmt::Write;

/// A `postgres://` URL. Has no `Debug` on mode.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::database) struct PostgresUrl(String);

impl PostgresUrl {
    /// Accepts a URL only if its parts are unambiguous. libpq repeats the host and port in its messages: a reserved character in the
    /// password would make it take the rest of the password for a host or port.
    pub(in crate::database) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('\0') || text.contains("%00") {
            return Err("contains a NUL character");
        }
        let is_escape = |rest: &str| rest.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !text.split('%').skip(1).all(is_escape) {
            return Err("contains a % without two hexadecimal digits after it; write a literal % as %25");
        }
        let (base, _) = text.split_once('?').unwrap_or((text, ""));
        if base.matches('@').count() > 1 || base.split_once("://").is_some_and(|(_, rest)| is_at_in_path(rest)) {
            return Err("must percent-encode @, / and ? in the user name and password as %40, %2F and %3F");
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the URL with `defaults` added for the parameters that it does not set itself.
    pub(super) fn with_defaults(&self, defaults: &[(&str, &str)]) -> String {
        let mut url = self.0.clone();
        for (name, value) in defaults {
            if self.parameters().all(|(set, _)| set != *name) {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(name);
                url.push('=');
                for byte in value.bytes() {
                    // Writing to a `String` does not fail.
                    let _ = write!(url, "%{byte:02X}");
                }
            }
        }
        url
    }

    /// Returns `message` without the passwords of this URL.
    pub(super) fn redact(&self, message: &str) -> String {
        let mut message = message.to_owned();
        let in_userinfo = self.0.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        let in_userinfo = in_userinfo.and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
        let in_parameters = self.parameters().filter(|(name, _)| name.contains("password")).map(|(_, value)| value);
        for password in in_parameters.chain(in_userinfo).filter(|password| !password.is_empty()) {
            message = message.replace(password, "…").replace(&decoded(password), "…");
        }
        message
    }

    fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let (_, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        query.split('&').filter_map(|parameter| parameter.split_once('='))
    }
}

fn is_at_in_path(rest: &str) -> bool {
    rest.split_once('/').is_some_and(|(_, path)| path.contains('@'))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).unwrap_or(0);
        bytes.push(if byte == b'%' { (digit(rest.next()) * 16 + digit(rest.next())) as u8 } else { byte });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_do_not_replace_parameters_of_the_url() {
        let url = PostgresUrl::parse("postgres://u:p@h/d?application_name=mine").unwrap();
        let defaults = [("application_name", "ours"), ("connect_timeout", "2")];
        assert_eq!(url.with_defaults(&defaults), "postgres://u:p@h/d?application_name=mine&connect_timeout=%32");
        let url = PostgresUrl::parse("postgres://h").unwrap();
        assert_eq!(url.with_defaults(&[("a", "é ")]), "postgres://h?a=%C3%A9%20");
    }

    #[test]
    fn ambiguous_password_is_rejected() {
        for address in
            ["postgres://u:p@ss@h/d", "postgres://u:pa/ss@h/d", "postgres://u:50%@h/d", "postgres://u:%00@h/d"]
        {
            assert!(PostgresUrl::parse(address).is_err(), "{address}");
        }
        for address in ["postgres://u:p%40s%2Fs@h:1,i:2/d", "postgresql:///d?host=/run/postgresql", "postgres://u@h"] {
            assert!(PostgresUrl::parse(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn passwords_are_redacted_in_every_spelling() {
        let url = PostgresUrl::parse("postgres://u:se%63ret@h/d?password=o%74her&sslpassword=third").unwrap();
        for message in ["a secret", "a se%63ret", "an other", "an o%74her", "a third"] {
            let redacted = url.redact(message);
            assert!(redacted.ends_with(" …"), "{redacted}");
        }
        assert_eq!(PostgresUrl::parse("postgres://u:@h").unwrap().redact("as it was"), "as it was");
    }
}
