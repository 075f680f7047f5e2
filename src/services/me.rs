//! Edits of a user's own profile.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::database::{Database, DbConnection, Invalidates};
use crate::models::{AuditAction, Moment, Principal, PrincipalId, PrincipalKind, PrincipalStatus, ProfileField};
use crate::repositories::{audit_events, principals};

use super::{Actor, Failure, text};

/// An edit of profile fields: each to a value, or back to the provider's value. Absent fields stay unchanged (RFC 7396).
#[derive(Clone, Default)]
pub struct ProfileEdit(BTreeMap<ProfileField, Option<String>>);

impl ProfileEdit {
    /// Sets `field` to a value; `None` restores the provider's value.
    pub fn with(mut self, field: ProfileField, value: Option<String>) -> Self {
        self.0.insert(field, value);
        self
    }

    /// Returns the edit with every value trimmed. Fails with [`Failure::Invalid`] when a value is not valid.
    pub(super) fn checked(self) -> Result<Self, Failure> {
        self.0.into_iter().map(|(field, value)| Ok((field, checked(field, value)?))).collect::<Result<_, _>>().map(Self)
    }
}

fn checked(field: ProfileField, value: Option<String>) -> Result<Option<String>, Failure> {
    let Some(value) = value else { return Ok(None) };
    let value = text::line(field.as_str(), &value)?;
    if field == ProfileField::Locale && !text::is_language_tag(&value) {
        return Err(Failure::Invalid { field: field.as_str(), reason: "must be a language tag such as `de-AT`" });
    }
    Ok(Some(value))
}

/// Edits the profile of the caller. Cheap to clone.
#[derive(Clone)]
pub struct MeService {
    database: Database,
    clock: Clock,
}

impl MeService {
    /// The service over `database`.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Applies `edit` to the actor's own profile and returns the result. An edit that changes nothing keeps the version.
    ///
    /// Fails with [`Failure::StaleVersion`] when the profile is not at version `if_match`, with [`Failure::Invalid`] when a value is not
    /// valid, and with [`Failure::NotAPerson`] for a service account, which an administrator edits.
    pub async fn update(&self, actor: &Actor, edit: ProfileEdit, if_match: Option<i64>) -> Result<Principal, Failure> {
        let id = actor.principal().ok_or(Failure::NoSuchUser)?;
        let edit = edit.checked()?;
        let (actor, now) = (actor.clone(), Moment::from(self.clock.now()));
        self.database
            .write_concurrently(move |conn| {
                let mut user = find_user(conn, id)?;
                if if_match.is_some_and(|version| version != user.version) {
                    return Err(Failure::StaleVersion);
                }
                let changed = apply(&mut user, edit);
                if !changed.is_empty() {
                    user.mark_edited(now);
                    principals::update(conn, &user)?;
                    let event = actor.event(now, AuditAction::EditProfile, id).with("fields", changed);
                    audit_events::append(conn, &event)?;
                }
                Ok((user, Invalidates::one(&id)))
            })
            .await
    }
}

fn find_user(conn: &mut DbConnection, id: PrincipalId) -> Result<Principal, Failure> {
    principals::find_for_update(conn, id)?
        .filter(|found| found.kind == PrincipalKind::Human && found.status == PrincipalStatus::Active)
        .ok_or(Failure::NotAPerson)
}

/// Returns the names of the fields whose value or owner changed.
pub(super) fn apply(user: &mut Principal, edit: ProfileEdit) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for (field, value) in edit.0 {
        let is_edited = value.is_some();
        let shown = value.or_else(|| user.provider_profile.get(field).map(str::to_owned));
        let owner_changed =
            if is_edited { user.edited_fields.0.insert(field) } else { user.edited_fields.0.remove(&field) };
        if owner_changed || user.profile_field(field) != shown.as_deref() {
            user.set_profile_field(field, shown);
            changed.push(field.as_str());
        }
    }
    changed
}
