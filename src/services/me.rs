//! What a person does with their own profile.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::database::{Database, DbConnection, Invalidates};
use crate::models::{AuditAction, Moment, Principal, PrincipalId, PrincipalKind, PrincipalStatus, ProfileField};
use crate::repositories::{audit_events, principals};

use super::{Actor, Failure, text};

/// Which fields to edit: to a value, or back to what the provider says. Fields not named stay as they are (RFC 7396).
#[derive(Clone, Default)]
pub struct ProfileEdit(BTreeMap<ProfileField, Option<String>>);

impl ProfileEdit {
    /// Sets `field` to a value; `None` gives it back to the provider.
    pub fn with(mut self, field: ProfileField, value: Option<String>) -> Self {
        self.0.insert(field, value);
        self
    }

    /// The same edit with every value checked and without the white space around it.
    pub(super) fn checked(self) -> Result<Self, Failure> {
        self.0.into_iter().map(|(field, value)| Ok((field, checked(field, value)?))).collect::<Result<_, _>>().map(Self)
    }
}

fn checked(field: ProfileField, value: Option<String>) -> Result<Option<String>, Failure> {
    let Some(value) = value else { return Ok(None) };
    let value = text::line(field.as_str(), &value)?;
    if field == ProfileField::Locale && !text::is_language_tag(&value) {
        return Err(Failure::Invalid { field: field.as_str(), reason: "must be a language tag, as in de-AT" });
    }
    Ok(Some(value))
}

/// Edits the profile of whoever is behind a request. Cheap to clone.
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

    /// Applies `edit` to the actor's own profile and returns it as it is then. An edit that changes nothing leaves the version.
    ///
    /// Fails with [`Failure::StaleVersion`] when the profile is not at version `if_match`, with [`Failure::Invalid`] when a value
    /// cannot be kept, and with [`Failure::NotAPerson`] for a program, which is described by an admin.
    pub async fn update(&self, actor: &Actor, edit: ProfileEdit, if_match: Option<i64>) -> Result<Principal, Failure> {
        let id = actor.principal().ok_or(Failure::NoSuchUser)?;
        let edit = edit.checked()?;
        let (actor, now) = (actor.clone(), Moment::from(self.clock.now()));
        self.database
            .write_concurrently(move |conn| {
                let mut person = find_person(conn, id)?;
                if if_match.is_some_and(|version| version != person.version) {
                    return Err(Failure::StaleVersion);
                }
                let changed = apply(&mut person, edit);
                if !changed.is_empty() {
                    person.mark_edited(now);
                    principals::update(conn, &person)?;
                    let event = actor.event(now, AuditAction::EditProfile, id).with("fields", changed);
                    audit_events::append(conn, &event)?;
                }
                Ok((person, Invalidates::one(&id)))
            })
            .await
    }
}

fn find_person(conn: &mut DbConnection, id: PrincipalId) -> Result<Principal, Failure> {
    principals::find_for_update(conn, id)?
        .filter(|found| found.kind == PrincipalKind::Human && found.status == PrincipalStatus::Active)
        .ok_or(Failure::NotAPerson)
}

/// Returns the names of the fields whose value or owner changed.
pub(super) fn apply(person: &mut Principal, edit: ProfileEdit) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for (field, value) in edit.0 {
        let owned_here = value.is_some();
        let shown = value.or_else(|| person.provider_profile.get(field).map(str::to_owned));
        let owner_changed =
            if owned_here { person.edited_fields.0.insert(field) } else { person.edited_fields.0.remove(&field) };
        if owner_changed || person.profile_field(field) != shown.as_deref() {
            person.set_profile_field(field, shown);
            changed.push(field.as_str());
        }
    }
    changed
}
