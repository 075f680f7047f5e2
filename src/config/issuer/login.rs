//! The client for browser sign-in at an issuer.

use secrecy::SecretString;

use super::block::Block;
use crate::config::faults::Faults;
use crate::oidc::{LoginSettings, Preset};

/// Returns `Some(None)` if browser sign-in is not enabled at the issuer, `None` if a fault was added.
pub(super) fn read(block: &mut Block, preset: Preset, faults: &mut Faults) -> Option<Option<LoginSettings>> {
    let (id_place, scopes_place) = (block.place_of("client_id"), block.place_of("login_scopes"));
    let client_id = block.text("client_id", "", faults)?;
    let client_secret: Option<SecretString> = block.text_or_file("client_secret", faults)?;
    let scopes = scopes(block.text("login_scopes", "", faults)?, preset);
    if client_id.is_empty() {
        if client_secret.is_some() {
            faults.add(id_place, "set when the client's secret is set");
            return None;
        }
        return Some(None);
    }
    if scopes.iter().all(|scope| scope != "openid") {
        faults.add(scopes_place, "scopes separated by spaces, including `openid`");
        return None;
    }
    Some(Some(LoginSettings { client_id, client_secret, scopes }))
}

fn scopes(written: String, preset: Preset) -> Vec<String> {
    match written.split_whitespace().map(str::to_owned).collect::<Vec<_>>() {
        none if none.is_empty() => preset.login_scopes().iter().map(ToString::to_string).collect(),
        scopes => scopes,
    }
}
