//! Parses and validates the settings of one issuer. Every fault is reported with its location.

mod claims;
mod endpoint;
mod file;
mod introspection;
mod login;
mod place;
mod sections;

pub(super) use file::blocks;
pub(super) use introspection::IntrospectionSection;
pub(super) use login::LoginSection;
pub(super) use sections::{IssuerSection, RolesSection, ScopesSection};

use std::collections::BTreeSet;

use super::block::Block;
use super::faults::Faults;
use super::section::{Group, Section, read_issuer};
use super::setting::Setting;
use super::value::{List, Value};
use crate::jose::Algorithm;
use crate::oidc::{self, IssuerSettings, JitMode, PlainHttp, Preset};

/// The sections of the issuer that is set by variables.
pub(super) const ISSUER_SECTIONS: [&Group; 5] = [
    &IssuerSection::GROUP,
    &RolesSection::GROUP,
    &ScopesSection::GROUP,
    &IntrospectionSection::GROUP,
    &LoginSection::GROUP,
];

/// The settings of a block. Returns `None` if a fault was added.
pub(super) fn read(mut block: Block, plain_http: &PlainHttp, faults: &mut Faults) -> Option<IssuerSettings> {
    let mut section = read_issuer::<IssuerSection>(&mut block, faults).with_defaults();
    let roles = read_issuer::<RolesSection>(&mut block, faults).with_defaults();
    let scopes = read_issuer::<ScopesSection>(&mut block, faults).with_defaults();
    let has_jwks_url = section.jwks_url.is_set();
    let preset = std::mem::take(&mut section.provider).good();
    let preset_or_generic = preset.unwrap_or_default();
    let place = place::read(&mut section, &mut block, preset_or_generic, plain_http, faults);
    let algorithms = section.algorithms.good().map(|list| list.0);
    let static_keys = static_keys(&mut block, has_jwks_url, algorithms.as_deref(), faults);
    let allowed_clients = set(section.allowed_clients);
    let audiences = audiences(section.audience, allowed_clients.as_ref(), preset_or_generic, &block, faults);
    let accepts_id_tokens = section.accept_id_tokens.or(preset_or_generic.accepts_id_tokens());
    let requires_at_jwt = block.read("require_at_jwt", faults).or(false);
    let has_tenants = place.as_ref().is_some_and(|place| !place.tenants.is_empty());
    let jit = jit(scopes.jit, has_tenants || accepts_id_tokens == Some(true), &block, faults);
    let scope_mode = scopes.scope_mode.or(preset_or_generic.scope_mode());
    let scope_prefix = scopes.scope_prefix.or(String::new());
    let first_party_clients = set(scopes.first_party_clients);
    let mapping = claims::mapping(roles, &mut block, preset_or_generic, faults);
    let requirements = claims::requirements(&mut block, faults);
    let introspection = introspection::read(&mut block, plain_http, faults);
    let login = login::read(&mut block, preset_or_generic, faults);
    block.finish(faults);
    let (_, place) = (preset?, place?);
    Some(IssuerSettings {
        issuer: place.issuer,
        short_name: place.short_name,
        accepted_issuers: place.accepted_issuers,
        tenants: place.tenants,
        discovery_url: place.discovery_url,
        jwks_url: place.jwks_url,
        static_keys: static_keys?,
        audiences: audiences?,
        allowed_clients: allowed_clients?,
        algorithms: algorithms?,
        requires_at_jwt: requires_at_jwt?,
        accepts_id_tokens: accepts_id_tokens?,
        mapping: mapping?,
        requirements: requirements?,
        scope_mode: scope_mode?,
        scope_prefix: scope_prefix?,
        first_party_clients: first_party_clients?,
        jit: jit?,
        introspection: introspection?,
        login: login?,
        extra_authorities: section.extra_ca.optional()?.map(|authorities| authorities.0),
        plain_http: plain_http.clone(),
    })
}

fn static_keys(
    block: &mut Block,
    has_jwks_url: bool,
    algorithms: Option<&[Algorithm]>,
    faults: &mut Faults,
) -> Option<Option<String>> {
    let place = block.place_of("static_keys");
    if block.has("static_keys") && has_jwks_url {
        faults.add(&*place, "absent when `jwks_url` is set");
    }
    let keys = block.read::<String>("static_keys", faults).optional()?;
    let is_usable = |text: &String| algorithms.is_none_or(|algorithms| oidc::has_usable_key(text, algorithms));
    if !keys.iter().all(is_usable) {
        faults.add(place, "a JWK Set (RFC 7517) with a public key for one of the algorithms");
        return None;
    }
    Some(keys)
}

fn audiences(
    setting: Setting<List<String>>,
    allowed_clients: Option<&BTreeSet<String>>,
    preset: Preset,
    block: &Block,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    let audiences = setting.or(List(Vec::new()))?.0;
    if !audiences.is_empty() || allowed_clients.is_none_or(|clients| !clients.is_empty()) {
        return Some(audiences);
    }
    if preset.names_audience() {
        let rule = "at least one audience that tokens for this service carry; there is no default";
        faults.add(block.place_of("audiences"), rule);
    } else {
        let rule = "the client ids whose tokens are accepted: this provider names no audience";
        faults.add(block.place_of("allowed_clients"), rule);
    }
    None
}

/// With tenants or ID tokens, many more users can obtain a token than an operator may expect, so the setting is required.
fn jit(setting: Setting<JitMode>, must_be_set: bool, block: &Block, faults: &mut Faults) -> Option<JitMode> {
    if must_be_set && !setting.is_set() {
        let rule = JitMode::rule();
        faults.add(
            block.place_of("jit"),
            format!("{rule}; there is no default when tenants are listed or ID tokens are accepted"),
        );
        return None;
    }
    setting.or(JitMode::Active)
}

fn set(setting: Setting<List<String>>) -> Option<BTreeSet<String>> {
    Some(setting.or(List(Vec::new()))?.0.into_iter().collect())
}

#[cfg(test)]
mod provider_tests;
#[cfg(test)]
mod tests;
