//! Verifies one token as the service does, and reports each check and the resulting permissions.

use std::sync::Arc;

use super::report::Report;
use crate::Clock;
use crate::app::Application;
use crate::cli::error::CommandError;
use crate::config::Config;
use crate::models::permission::DeclaredPermissions;
use crate::oidc::{Claims, SubjectKind, TokenVerifier, TrustedIssuers};
use crate::services::{KnownPrincipal, PrincipalService, is_delegated};

const ABOUT: &str = "token";

pub(super) async fn examine(
    application: &Application,
    config: &Config,
    issuers: TrustedIssuers,
    clock: Clock,
    token: &str,
    report: &mut Report,
) -> Result<(), CommandError> {
    let verifier = TokenVerifier::new(issuers, clock.clone());
    let verdict =
        verifier.examine(token, |check| report.passed(format!("{ABOUT} {}", check.code()), check.passed())).await;
    let claims = match verdict {
        Ok(claims) => claims,
        Err(rejection) => {
            report.fault(format!("{ABOUT} {}", rejection.code()), rejection.to_string());
            return Ok(());
        }
    };
    describe(&claims, report);
    let declared = Arc::new(application.declared_permissions()?);
    let database = match application.existing_database(config) {
        Ok(Some(database)) => database,
        Ok(None) => {
            report.note("principal", "the database does not exist yet, so no principal is known");
            return Ok(());
        }
        Err(error) => {
            report.fault("database", error.to_string());
            return Ok(());
        }
    };
    let principals = PrincipalService::new(database, clock, Arc::clone(&declared), config.bootstrap_admin.clone());
    match principals.find(&claims).await {
        Ok(Some(principal)) => report_permissions(&claims, &principal, &declared, report),
        Ok(None) => report.note("principal", "no principal is linked to this issuer, kind and subject yet"),
        Err(failure) => report.fault("principal", failure.to_string()),
    }
    Ok(())
}

fn describe(claims: &Claims, report: &mut Report) {
    let kind = match claims.kind() {
        SubjectKind::Human => "a user",
        SubjectKind::Machine => "a service account",
    };
    report.note(ABOUT, format!("the subject is {kind}; the client is {}", claims.client_id().unwrap_or("not named")));
    report.note(ABOUT, format!("scopes: {}", list(claims.scopes())));
    report.note(ABOUT, format!("roles: {}", list(claims.roles())));
}

fn report_permissions(claims: &Claims, known: &KnownPrincipal, declared: &DeclaredPermissions, report: &mut Report) {
    let principal = known.principal();
    report.passed("principal", format!("{} is {}", principal.id, principal.status));
    report.note("principal", format!("roles: {}", list(known.roles().iter().map(|role| &role.name))));
    let granted = known.permissions();
    let allowed = declared.all().filter(|permission| granted.contains(permission) && is_delegated(claims, *permission));
    report.note(
        "principal",
        format!("permissions with this token: {}", list(allowed.map(|permission| permission.name()))),
    );
}

fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
