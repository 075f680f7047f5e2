//! The claim mapping of an issuer, where the configuration overrides the preset, and the requirements on its tokens.

use std::collections::BTreeSet;

use super::sections::RolesSection;
use crate::config::block::Block;
use crate::config::faults::Faults;
use crate::config::value::List;
use crate::models::ADMIN;
use crate::oidc::{ClaimMapping, ClaimPath, MachineMatcher, Preset, Requirement, RoleRule, Rule};

/// The preset's mapping, overridden by `roles_claim`, `[issuer.claims]` and `[[issuer.role_rules]]`.
pub(super) fn mapping(
    section: RolesSection,
    block: &mut Block,
    preset: Preset,
    faults: &mut Faults,
) -> Option<ClaimMapping> {
    let mut mapping = preset.mapping();
    let allows_admin_role = section.allow_admin_role.good();
    let listed = section.administrative_roles.or(List(Vec::new())).map(|list| list.0);
    let admin = (allows_admin_role == Some(true)).then(|| ADMIN.to_owned());
    mapping.administrative_roles = listed.iter().flatten().cloned().chain(admin).collect();
    let separator = section.roles_separator.optional();
    let roles = section.roles_claim.optional();
    if let Some(Some(List(roles))) = roles {
        mapping.roles = roles;
    }
    for claims in block.blocks("claims", faults) {
        replace(&mut mapping, claims, faults);
    }
    for rule in block.blocks("role_rules", faults) {
        mapping.role_rules.extend(role_rule(rule, &mapping.administrative_roles, faults));
    }
    mapping.roles_separator = separator?;
    (allows_admin_role.is_some() && listed.is_some()).then_some(mapping)
}

/// The requirements of `[[issuer.required]]`. Returns `None` if a fault was added.
pub(super) fn requirements(block: &mut Block, faults: &mut Faults) -> Option<Vec<Requirement>> {
    // All entries are read before the first failure counts, so that every fault is reported.
    let read: Vec<_> =
        block.blocks("required", faults).into_iter().map(|required| requirement(required, faults)).collect();
    read.into_iter().collect()
}

fn replace(mapping: &mut ClaimMapping, mut claims: Block, faults: &mut Faults) {
    for (place, setting) in [
        (&mut mapping.subject, "subject"),
        (&mut mapping.id_token_subject, "id_token_subject"),
        (&mut mapping.email, "email"),
        (&mut mapping.email_verified, "email_verified"),
    ] {
        if let Some(written) = one(&mut claims, setting, faults) {
            *place = written;
        }
    }
    replace_all(&mut mapping.client_id, &mut claims, "client_id", faults);
    replace_all(&mut mapping.scopes, &mut claims, "scopes", faults);
    replace_all(&mut mapping.roles, &mut claims, "roles", faults);
    if let Some(written) = one(&mut claims, "machine_scopes", faults) {
        mapping.machine_scopes = Some(written);
    }
    for block in claims.blocks("machine", faults) {
        if let Some(matcher) = machine_matcher(block, faults) {
            mapping.machine_matcher = matcher;
        }
    }
    claims.finish(faults);
}

/// Replaces the paths by those of `setting`. The first path that is present in a token counts.
fn replace_all(places: &mut Vec<ClaimPath>, block: &mut Block, setting: &str, faults: &mut Faults) {
    if let Some(List(written)) = block.read(setting, faults).good() {
        *places = written;
    }
}

fn one(block: &mut Block, setting: &str, faults: &mut Faults) -> Option<ClaimPath> {
    block.read(setting, faults).good()
}

fn text(block: &mut Block, setting: &str, faults: &mut Faults) -> Option<String> {
    block.read(setting, faults).or(String::new())
}

/// `{ claim, equals }` or `{ when }`.
fn machine_matcher(mut block: Block, faults: &mut Faults) -> Option<MachineMatcher> {
    let place = block.place();
    let at = one(&mut block, "claim", faults);
    let value = block.read("equals", faults).optional()?;
    let has_rule = block.has("when");
    let rule = if has_rule { rule(&mut block, faults).map(MachineMatcher::Rule) } else { None };
    block.finish(faults);
    match (at, value, has_rule) {
        (Some(at), Some(value), false) => Some(MachineMatcher::Claim { at, value }),
        (None, None, true) => rule,
        _ => {
            faults.add(place, "`claim` with `equals`, or `when` alone");
            None
        }
    }
}

fn role_rule(mut block: Block, administrative: &BTreeSet<String>, faults: &mut Faults) -> Option<RoleRule> {
    let place = block.place_of("role");
    let role = text(&mut block, "role", faults)?;
    if role.is_empty() {
        faults.add(place, "the name of a role");
    } else if role == ADMIN && !administrative.contains(ADMIN) {
        faults.add(place, "a role other than `admin`, unless the issuer has `allow_admin_role = true`");
    }
    let when = rule(&mut block, faults);
    block.finish(faults);
    Some(RoleRule { role, when: when? })
}

fn requirement(mut block: Block, faults: &mut Faults) -> Option<Requirement> {
    let place = block.place_of("message");
    let message = text(&mut block, "message", faults)?;
    if message.is_empty() {
        faults.add(place, "the sentence shown when a token is rejected");
    }
    let when = rule(&mut block, faults);
    block.finish(faults);
    Some(Requirement { when: when?, message: message.into() })
}

fn rule(block: &mut Block, faults: &mut Faults) -> Option<Rule> {
    let place = block.place_of("when");
    let source = text(block, "when", faults)?;
    Rule::compile(&source).inspect_err(|fault| faults.add(place, fault.to_string())).ok()
}
