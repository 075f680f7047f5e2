//! Parses and validates the settings of one issuer. Every fault is reported with its location.

mod block;
mod claims;
mod file;
mod introspection;
mod login;
mod place;

pub(super) use block::{Block, split};
pub(super) use file::blocks;

use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use url::Url;

use super::faults::Faults;
use crate::jose::Algorithm;
use crate::oidc::{self, ExtraAuthorities, IssuerSettings, JitMode, PlainHttp, Preset, ScopeMode};

const URL_RULE: &str =
    "an https URL; http is allowed for loopback while SERVER_PUBLIC_URL is loopback too, and for OIDC_ALLOW_HTTP_HOSTS";

/// The settings of a block. Returns `None` if a fault was added.
pub(super) fn read(mut block: Block, plain_http: &PlainHttp, faults: &mut Faults) -> Option<IssuerSettings> {
    let preset = preset(&mut block, faults);
    let preset_or_generic = preset.unwrap_or_default();
    let place = place::read(&mut block, preset_or_generic, plain_http, faults);
    let algorithms = algorithms(&mut block, faults);
    let static_keys = static_keys(&mut block, algorithms.as_deref(), faults);
    let allowed_clients = set(block.list("allowed_clients", faults));
    let audiences = audiences(&mut block, preset_or_generic, &allowed_clients, faults);
    let accepts_id_tokens = block.flag("accept_id_tokens", preset_or_generic.accepts_id_tokens(), faults);
    let requires_at_jwt = block.flag("require_at_jwt", false, faults);
    let has_tenants = place.as_ref().is_some_and(|place| !place.tenants.is_empty());
    let jit = jit(&mut block, has_tenants || accepts_id_tokens == Some(true), faults);
    let scope_mode = scope_mode(&mut block, preset_or_generic, faults);
    let scope_prefix = block.text("scope_prefix", "", faults);
    let first_party_clients = set(block.list("first_party_clients", faults));
    let mapping = claims::mapping(&mut block, preset_or_generic, faults);
    let requirements = claims::requirements(&mut block, faults);
    let introspection = introspection::read(&mut block, plain_http, faults);
    let login = login::read(&mut block, preset_or_generic, faults);
    let extra_authorities = extra_authorities(&mut block, faults);
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
        allowed_clients,
        algorithms: algorithms?,
        requires_at_jwt: requires_at_jwt?,
        accepts_id_tokens: accepts_id_tokens?,
        mapping: mapping?,
        requirements: requirements?,
        scope_mode: scope_mode?,
        scope_prefix: scope_prefix?,
        first_party_clients,
        jit: jit?,
        introspection: introspection?,
        login: login?,
        extra_authorities: extra_authorities?,
        plain_http: plain_http.clone(),
    })
}

fn extra_authorities(block: &mut Block, faults: &mut Faults) -> Option<Option<ExtraAuthorities>> {
    let place = block.place_of("extra_ca");
    let Some(pem) = block.text_or_file("extra_ca", faults)? else { return Some(None) };
    let read = ExtraAuthorities::from_pem(pem.expose_secret());
    read.inspect_err(|_| faults.add(place, "CA certificates in PEM")).ok().map(Some)
}

fn endpoint(block: &mut Block, setting: &str, plain_http: &PlainHttp, faults: &mut Faults) -> Option<Option<Url>> {
    let parse = |text: &str| Url::parse(text).ok().filter(|url| plain_http.is_fetchable(url)).map(Some);
    block.parse(setting, None, URL_RULE, parse, faults)
}

fn preset(block: &mut Block, faults: &mut Faults) -> Option<Preset> {
    let words: Vec<&str> = Preset::ALL.iter().map(|preset| preset.as_str()).collect();
    let rule = format!("one of {}", words.join(", "));
    block.parse("preset", Preset::Generic, &rule, Preset::from_word, faults)
}

fn algorithms(block: &mut Block, faults: &mut Faults) -> Option<Vec<Algorithm>> {
    if !block.has("algorithms") {
        return Some(Algorithm::DEFAULTS.to_vec());
    }
    let place = block.place_of("algorithms");
    let listed = block.list("algorithms", faults);
    let algorithms: Result<Vec<Algorithm>, _> = listed.iter().map(|(_, name)| name.parse()).collect();
    let algorithms = algorithms.ok().filter(|algorithms| !algorithms.is_empty());
    if algorithms.is_none() {
        let rule =
            "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA; never none, never HS*";
        faults.add(place, rule);
    }
    algorithms
}

fn static_keys(block: &mut Block, algorithms: Option<&[Algorithm]>, faults: &mut Faults) -> Option<Option<String>> {
    if block.has("static_keys") && block.has("jwks_url") {
        faults.add(block.place_of("static_keys"), "absent when `jwks_url` is set");
    }
    let is_usable = |text: &str| algorithms.is_none_or(|algorithms| oidc::has_usable_key(text, algorithms));
    let rule = "a JWK Set (RFC 7517) with a public key for one of the algorithms";
    block.parse("static_keys", None, rule, |text| is_usable(text).then(|| Some(text.to_owned())), faults)
}

fn audiences(
    block: &mut Block,
    preset: Preset,
    allowed_clients: &BTreeSet<String>,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    let place = block.place_of("audiences");
    let audiences: Vec<String> = block.list("audiences", faults).into_iter().map(|(_, audience)| audience).collect();
    if !audiences.is_empty() || !allowed_clients.is_empty() {
        return Some(audiences);
    }
    if preset.names_audience() {
        faults.add(place, "at least one audience that tokens for this service carry; there is no default");
    } else {
        faults.add(
            block.place_of("allowed_clients"),
            "the client ids whose tokens are accepted: this provider names no audience",
        );
    }
    None
}

fn scope_mode(block: &mut Block, preset: Preset, faults: &mut Faults) -> Option<ScopeMode> {
    let rule = "`intersect` (scopes and roles) or `roles-only` (the provider does not delegate by scope)";
    block.parse("scope_mode", preset.scope_mode(), rule, ScopeMode::from_word, faults)
}

/// With tenants or ID tokens, many more users can obtain a token than an operator may expect, so the setting is required.
fn jit(block: &mut Block, must_be_set: bool, faults: &mut Faults) -> Option<JitMode> {
    let rule = "`active`, `pending` or `off`, for users on first contact";
    if must_be_set && !block.has("jit") {
        faults.add(
            block.place_of("jit"),
            format!("{rule}; there is no default when tenants are listed or ID tokens are accepted"),
        );
        return None;
    }
    block.parse("jit", JitMode::Active, rule, JitMode::from_word, faults)
}

fn set(list: Vec<(String, String)>) -> BTreeSet<String> {
    list.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod provider_tests;
#[cfg(test)]
mod tests;
