//! Synchronization of a user's profile from the provider's claims.
//!
//! Names and locale follow the provider until they are edited here. An absent claim changes nothing: access tokens omit claims that ID
//! tokens hold. A value that the API would not accept is ignored. Hidden characters are removed from a value rather than refused, because
//! users cannot correct them at sign-in.

use std::borrow::Cow;

use crate::models::{EmailState, Origin, Principal, ProfileField};
use crate::oidc::Profile;
use crate::text::name::{cleaned, is_line};

use crate::services::text;

/// Applies the values of `claims` that differ. Returns the names of the changed fields that clients see.
pub(crate) fn sync_from_provider(principal: &mut Principal, claims: &Profile<'_>) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for field in ProfileField::ALL {
        if let Some(value) = claimed(claims, field) {
            sync_field(principal, field, &value, &mut changed);
        }
    }
    // For an account that an administrator created, administrators set email and username.
    if principal.origin != Origin::Manual {
        sync_account(principal, claims, &mut changed);
    }
    changed
}

fn sync_field(principal: &mut Principal, field: ProfileField, value: &str, changed: &mut Vec<&'static str>) {
    principal.provider_profile.set(field, value.to_owned());
    if !principal.edited_fields.0.contains(&field) && principal.profile_field(field) != Some(value) {
        principal.set_profile_field(field, Some(value.to_owned()));
        changed.push(field.as_str());
    }
}

fn sync_account(principal: &mut Principal, claims: &Profile<'_>, changed: &mut Vec<&'static str>) {
    if let Some(username) = new_username(principal, claims) {
        principal.username = Some(username.into_owned());
        changed.push("username");
    }
    if let Some((email, state)) = claimed_email(principal, claims) {
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

/// Whether [`sync_from_provider`] would change nothing, not even stored values that are not shown.
pub(crate) fn is_in_sync(principal: &Principal, claims: &Profile<'_>) -> bool {
    let is_field_in_sync = |field| {
        claimed(claims, field).is_none_or(|value| {
            let is_edited = principal.edited_fields.0.contains(&field);
            principal.provider_profile.get(field) == Some(&*value)
                && (is_edited || principal.profile_field(field) == Some(&*value))
        })
    };
    ProfileField::ALL.into_iter().all(is_field_in_sync)
        && (principal.origin == Origin::Manual
            || new_username(principal, claims).is_none()
                && claimed_email(principal, claims).is_none_or(|(email, state)| {
                    principal.email.as_deref() == Some(&*email) && principal.email_state == state
                }))
}

fn new_username<'a>(principal: &Principal, claims: &Profile<'a>) -> Option<Cow<'a, str>> {
    acceptable(claims.username).filter(|username| principal.username.as_deref() != Some(&**username))
}

/// Returns the address of the claims, and the verification state that results from them.
fn claimed_email<'a>(principal: &Principal, claims: &Profile<'a>) -> Option<(Cow<'a, str>, EmailState)> {
    let email = acceptable(claims.email)?;
    let state = match claims.email_verified {
        Some(true) => EmailState::Verified,
        Some(false) => EmailState::Unverified,
        None if principal.email.as_deref() == Some(&*email) => principal.email_state,
        None => EmailState::Unknown,
    };
    Some((email, state))
}

fn claimed<'a>(claims: &Profile<'a>, field: ProfileField) -> Option<Cow<'a, str>> {
    match field {
        ProfileField::DisplayName => acceptable(claims.display_name),
        ProfileField::GivenName => acceptable(claims.given_name),
        ProfileField::FamilyName => acceptable(claims.family_name),
        ProfileField::Locale => claims.locale.filter(|tag| text::is_language_tag(tag)).map(Cow::Borrowed),
    }
}

fn acceptable(value: Option<&str>) -> Option<Cow<'_, str>> {
    let value = value?;
    // Cleaned before it is trimmed: a hidden character may be followed by white space.
    let text = match cleaned(value) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Some(text).filter(|text| is_line(text))
}
