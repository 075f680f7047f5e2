//! Checks that the operator has relaxed for an issuer. Each is logged as a warning at startup.

use crate::oidc::{IssuerSettings, ScopeMode};

impl IssuerSettings {
    /// Returns one message per relaxed check, with the setting that relaxes it.
    pub fn relaxed_checks(&self) -> Vec<String> {
        let introspection = self.introspection.as_ref();
        let trusts_active = introspection.is_some_and(|settings| settings.trust_active);
        let no_audience = introspection.is_some_and(|settings| settings.opaque && !settings.requires_audience);
        let checks = [
            (self.scope_mode == ScopeMode::RolesOnly, "scopes are not required: roles alone decide (`scope_mode`)"),
            (self.accepts_id_tokens, "ID tokens are accepted (`accept_id_tokens`)"),
            (no_audience, "opaque access tokens are accepted without an audience (`introspection_require_aud`)"),
            (trusts_active, "active tokens are accepted without a token kind or an audience (`trust_active`)"),
        ];
        let roles = self.mapping.administrative_roles.iter();
        let roles =
            roles.map(|role| format!("tokens may carry the administrative role {role} (`administrative_roles`)"));
        let hosts = self.plain_http.hosts.iter();
        let hosts = hosts.map(|host| format!("plain http is allowed for {host} (OIDC_ALLOW_HTTP_HOSTS)"));
        checks
            .iter()
            .filter(|(is_relaxed, _)| *is_relaxed)
            .map(|(_, message)| (*message).to_owned())
            .chain(roles)
            .chain(hosts)
            .collect()
    }
}
