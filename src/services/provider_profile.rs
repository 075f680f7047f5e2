//! What the provider says of a person, and what of it is taken over.
//!
//! Names and locale follow the provider until they are edited here. A claim that is absent says nothing: access tokens leave out
//! what ID tokens hold. Values that no form would accept are left out as well, and so are hidden characters in a name: a person cannot
//! sign in with another spelling of it.

use std::borrow::Cow;

use crate::models::{EmailState, Origin, Principal, ProfileField};
use crate::name::{cleaned, is_line};
use crate::oidc::Profile;

use super::text;

/// Takes over what `said` has that is new. Returns the names of the columns that a client sees change.
pub(super) fn sync_from_provider(principal: &mut Principal, said: &Profile<'_>) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for field in ProfileField::ALL {
        if let Some(value) = claimed(said, field) {
            follow_field(principal, field, &value, &mut changed);
        }
    }
    // Where an admin made the account, e-mail and user name are the admin's.
    if principal.origin != Origin::Manual {
        follow_account(principal, said, &mut changed);
    }
    changed
}

fn follow_field(principal: &mut Principal, field: ProfileField, value: &str, changed: &mut Vec<&'static str>) {
    principal.provider_profile.set(field, value.to_owned());
    if !principal.edited_fields.0.contains(&field) && principal.profile_field(field) != Some(value) {
        principal.set_profile_field(field, Some(value.to_owned()));
        changed.push(field.as_str());
    }
}

fn follow_account(principal: &mut Principal, said: &Profile<'_>, changed: &mut Vec<&'static str>) {
    if let Some(username) = new_username(principal, said) {
        principal.username = Some(username.into_owned());
        changed.push("username");
    }
    if let Some((email, state)) = claimed_email(principal, said) {
        if principal.email.as_deref() != Some(&*email) {
            principal.email = Some(email.into_owned());
            changed.push("email");
        }
        if principal.email_state != state {
            principal.email_state = state;
            changed.push("email_state");
        }
    }
}

/// Whether [`follow`] would change nothing, not even what is kept of the provider and not shown.
pub(super) fn is_followed(principal: &Principal, said: &Profile<'_>) -> bool {
    let is_field_followed = |field| {
        claimed(said, field).is_none_or(|value| {
            let is_edited = principal.edited_fields.0.contains(&field);
            principal.provider_profile.get(field) == Some(&*value)
                && (is_edited || principal.profile_field(field) == Some(&*value))
        })
    };
    ProfileField::ALL.into_iter().all(is_field_followed)
        && (principal.origin == Origin::Manual
            || new_username(principal, said).is_none()
                && claimed_email(principal, said).is_none_or(|(email, state)| {
                    principal.email.as_deref() == Some(&*email) && principal.email_state == state
                }))
}

fn new_username<'a>(principal: &Principal, said: &Profile<'a>) -> Option<Cow<'a, str>> {
    acceptable(said.username).filter(|username| principal.username.as_deref() != Some(&**username))
}

/// The address as the provider says it, with what that makes of its state.
fn claimed_email<'a>(principal: &Principal, said: &Profile<'a>) -> Option<(Cow<'a, str>, EmailState)> {
    let email = acceptable(said.email)?;
    let state = match said.email_verified {
        Some(true) => EmailState::Verified,
        Some(false) => EmailState::Unverified,
        None if principal.email.as_deref() == Some(&*email) => principal.email_state,
        None => EmailState::Unknown,
    };
    Some((email, state))
}

fn claimed<'a>(said: &Profile<'a>, field: ProfileField) -> Option<Cow<'a, str>> {
    match field {
        ProfileField::DisplayName => acceptable(said.display_name),
        ProfileField::GivenName => acceptable(said.given_name),
        ProfileField::FamilyName => acceptable(said.family_name),
        ProfileField::Locale => said.locale.filter(|tag| text::is_language_tag(tag)).map(Cow::Borrowed),
    }
}

fn acceptable(value: Option<&str>) -> Option<Cow<'_, str>> {
    let value = value?;
    // Cleaned first: what is left of a name may begin with white space.
    let text = match cleaned(value) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Some(text).filter(|text| is_line(text))
}
