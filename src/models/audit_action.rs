//! The actions that the audit trail records.

use super::column::text_enum;

text_enum! {
    /// An action that was done or attempted.
    pub enum AuditAction {
        /// A user was created, at first contact or by an admin.
        CreateUser = "user.create",
        /// A user's profile was synchronized from the provider.
        FollowProvider = "user.follow-provider",
        /// A user edited their own profile.
        EditProfile = "user.edit-profile",
        /// A user's profile or the expiry of the account was edited.
        UpdateUser = "user.update",
        /// A user was disabled.
        DisableUser = "user.disable",
        /// A user was enabled.
        EnableUser = "user.enable",
        /// A user's tokens were revoked.
        RevokeTokens = "user.revoke-tokens",
        /// A user was deleted; the data is kept until the purge.
        DeleteUser = "user.delete",
        /// A deleted user was restored.
        RestoreUser = "user.restore",
        /// The data of a deleted user was permanently removed.
        PurgeUser = "user.purge",
        /// All data stored about a user was exported.
        ExportUser = "user.export",
        /// A purged user was readmitted.
        ReadmitUser = "user.readmit",
        /// An identity was linked to a user.
        LinkIdentity = "identity.link",
        /// An identity was unlinked from a user.
        UnlinkIdentity = "identity.unlink",
        /// A role was granted.
        GrantRole = "role.grant",
        /// A role was revoked.
        RevokeRole = "role.revoke",
        /// A role was created.
        CreateRole = "role.create",
        /// The summary or the permissions of a role were edited.
        UpdateRole = "role.update",
        /// A role was deleted.
        DeleteRole = "role.delete",
        /// The trail was exported.
        ExportAudit = "audit.export",
        /// Old events were removed from the trail.
        PruneAudit = "audit.prune",
        /// A user signed in with a browser.
        BeginSession = "session.begin",
        /// A user signed out or ended their own sessions.
        EndSession = "session.end",
        /// The provider reported a sign-out and ended the user's sessions.
        ProviderSignOut = "session.provider-sign-out",
        /// `BOOTSTRAP_ADMIN` took effect.
        BootstrapAdmin = "admin.bootstrap",
        /// An identity was moved to the new URL of its issuer.
        MoveIdentity = "identity.move",
        /// A service account was registered.
        RegisterServiceAccount = "service-account.register",
        /// A service account's display name or expiry was edited.
        UpdateServiceAccount = "service-account.update",
        /// A service account was disabled.
        DisableServiceAccount = "service-account.disable",
        /// A service account was enabled.
        EnableServiceAccount = "service-account.enable",
        /// A service account's tokens were revoked.
        RevokeServiceAccountTokens = "service-account.revoke-tokens",
        /// A service account was deleted; the data is kept until the purge.
        DeleteServiceAccount = "service-account.delete",
        /// A deleted service account was restored.
        RestoreServiceAccount = "service-account.restore",
        /// The data of a deleted service account was permanently removed.
        PurgeServiceAccount = "service-account.purge",
    }
}
