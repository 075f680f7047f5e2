//! What an operator has allowed an issuer beyond the usual, in sentences: worth a warning at each start.

use super::{IssuerSettings, ScopeMode};

impl IssuerSettings {
    /// A sentence for each thing that is allowed this issuer and not others.
    pub fn relaxed_checks(&self) -> Vec<String> {
        let trusts_active = self.introspection.as_ref().is_some_and(|asked| asked.trust_active);
        let unnamed = self.introspection.as_ref().is_some_and(|asked| asked.opaque && !asked.requires_audience);
        let told = [
            (self.scope_mode == ScopeMode::RolesOnly, "this issuer does not delegate by scope: roles decide alone"),
            (self.accepts_id_tokens, "ID tokens of this issuer are taken"),
            (
                unnamed,
                "opaque access tokens of this issuer are taken for whatever service they were given out, where it does not say",
            ),
            (trusts_active, "what this issuer calls active is taken, though it names neither kind nor audience"),
        ];
        let roles = self.mapping.administrative_roles.iter();
        let roles = roles.map(|role| format!("tokens of this issuer may carry the role {role}"));
        let hosts = self.plain_http.hosts.iter().map(|host| format!("{host} may be asked by plain http"));
        told.iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, sentence)| (*sentence).to_owned())
            .chain(roles)
            .chain(hosts)
            .collect()
    }
}
