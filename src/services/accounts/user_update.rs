//! Changes that admins make to a user's profile, user name, e-mail address and expiry.

use chrono::{DateTime, Utc};

use crate::models::{AuditAction, Changes, EmailState, Moment, Origin, PrincipalId};

use super::principal_edit::{Change, Edit, combined};
use crate::services::{Actor, Failure, KnownPrincipal, ProfileEdit, UserService, me, text};

/// A change of a user. A member that is `None` stays unchanged.
#[derive(Clone, Default)]
pub struct UserEdit {
    /// Names and locale. A field that is set here no longer follows the provider until it is cleared.
    pub profile: ProfileEdit,
    /// The new user name; `Some(None)` clears it. Only for accounts that an admin created.
    pub username: Option<Option<String>>,
    /// The new e-mail address; `Some(None)` clears it. Only for accounts that an admin created.
    pub email: Option<Option<String>>,
    /// The new expiry of the account; `Some(None)` clears it.
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

impl UserEdit {
    fn checked(self) -> Result<Self, Failure> {
        Ok(Self {
            profile: self.profile.checked()?,
            username: self.username.map(|name| text::optional_line("username", name)).transpose()?,
            email: self.email.map(|email| text::optional_line("email", email)).transpose()?,
            ..self
        })
    }
}

impl UserService {
    /// Changes a user. Fails with [`Failure::Invalid`] if a value is invalid, or if the change concerns an e-mail address or user name
    /// that the identity provider manages.
    pub async fn update(
        &self,
        actor: &Actor,
        id: PrincipalId,
        edit: UserEdit,
        if_match: Option<i64>,
    ) -> Result<KnownPrincipal, Failure> {
        let edit = edit.checked()?;
        let change = Change { action: AuditAction::UpdateUser, id, if_match };
        self.change(actor, change, move |user| user.describe(edit)).await
    }
}

impl Edit<'_> {
    fn describe(&mut self, edit: UserEdit) -> Result<Option<Changes>, Failure> {
        self.require_authority_over_principal()?;
        let mut fields = me::apply(&mut self.principal, edit.profile);
        fields.extend(self.set_username(edit.username)?);
        fields.extend(self.set_email(edit.email)?);
        let edited = (!fields.is_empty()).then(|| super::principal_edit::changes([("fields", fields)]));
        let ended = edit.expires_at.map(|end| self.set_expiry(end.map(Moment::from))).transpose()?;
        Ok(combined([edited, ended.flatten()]))
    }

    fn set_username(&mut self, username: Option<Option<String>>) -> Result<Option<&'static str>, Failure> {
        let Some(username) = username.filter(|username| *username != self.principal.username) else { return Ok(None) };
        self.require_locally_managed("username")?;
        self.principal.username = username;
        Ok(Some("username"))
    }

    fn set_email(&mut self, email: Option<Option<String>>) -> Result<Option<&'static str>, Failure> {
        let Some(email) = email.filter(|email| *email != self.principal.email) else { return Ok(None) };
        self.require_locally_managed("email")?;
        self.principal.email = email;
        // The provider verified the former address, not this one.
        self.principal.email_state = EmailState::Unknown;
        Ok(Some("email"))
    }

    fn require_locally_managed(&self, field: &'static str) -> Result<(), Failure> {
        match self.principal.origin {
            Origin::Manual => Ok(()),
            Origin::FirstContact | Origin::Scim => {
                Err(Failure::Invalid { field, reason: "is managed by the identity provider; change it there" })
            }
        }
    }
}
