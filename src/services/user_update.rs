//! What admins change of a user's description, and of who owns it.

use chrono::{DateTime, Utc};

use crate::models::{AuditAction, Changes, EmailState, Moment, Origin, PrincipalId};

use super::principal_edit::{Change, Edit, combined};
use super::{Actor, Failure, KnownPrincipal, ProfileEdit, UserService, me, text};

/// What to change of a user. A member that is `None` stays as it is.
#[derive(Clone, Default)]
pub struct UserEdit {
    /// Names and locale. What is set stays so until it is given back, whatever the provider says.
    pub profile: ProfileEdit,
    /// The name of the account, or none: only where an admin made it.
    pub username: Option<Option<String>>,
    /// The e-mail address, or none: only where an admin made the account.
    pub email: Option<Option<String>>,
    /// When the account ends by itself, or that it does not.
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
    /// Changes a user's description or the end of the account. Fails with [`Failure::Invalid`] when a value cannot be kept, and where
    /// e-mail or user name belong to the provider.
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
        fields.extend(self.rename_account(edit.username)?);
        fields.extend(self.readdress(edit.email)?);
        let described = (!fields.is_empty()).then(|| super::principal_edit::changes([("fields", fields)]));
        let ended = edit.expires_at.map(|end| self.set_expiry(end.map(Moment::from))).transpose()?;
        Ok(combined([described, ended.flatten()]))
    }

    fn rename_account(&mut self, username: Option<Option<String>>) -> Result<Option<&'static str>, Failure> {
        let Some(username) = username.filter(|username| *username != self.principal.username) else { return Ok(None) };
        self.require_own_account("username")?;
        self.principal.username = username;
        Ok(Some("username"))
    }

    fn readdress(&mut self, email: Option<Option<String>>) -> Result<Option<&'static str>, Failure> {
        let Some(email) = email.filter(|email| *email != self.principal.email) else { return Ok(None) };
        self.require_own_account("email")?;
        self.principal.email = email;
        // What the provider verified was another address.
        self.principal.email_state = EmailState::Unknown;
        Ok(Some("email"))
    }

    fn require_own_account(&self, field: &'static str) -> Result<(), Failure> {
        match self.principal.origin {
            Origin::Manual => Ok(()),
            Origin::FirstContact | Origin::Scim => {
                Err(Failure::Invalid { field, reason: "belongs to the identity provider and can't be changed here" })
            }
        }
    }
}
