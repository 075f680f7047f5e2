//! `/dev/token`: issues an access token without authentication, for `portcullis dev token` and use in a terminal.
//!
//! Other providers have no such endpoint. It adds no risk here: a client on loopback can sign in as any user anyway.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::parameter::given;
use super::refusal::Refusal;
use super::token::{answer, bearer};
use crate::dev::directory::{self, MACHINE_CLIENT};
use crate::dev::provider::Provider;
use crate::dev::token_builder::TokenBuilder;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DevelopmentTokenRequest {
    #[serde(deserialize_with = "given")]
    subject: Option<String>,
    #[serde(deserialize_with = "given")]
    scope: Option<String>,
}

/// Issues a token for `subject`, which is `alice`, `bob` or `reporter`.
pub(super) async fn issue(
    provider: web::Data<Provider>,
    form: Result<web::Form<DevelopmentTokenRequest>, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let form = form.map_err(|_| Refusal::unreadable())?;
    let scopes = provider.grantable_scopes(form.scope.as_deref()).ok_or_else(Refusal::scope)?;
    let token = match form.subject.as_deref() {
        Some(MACHINE_CLIENT) => TokenBuilder::new(&provider).machine(MACHINE_CLIENT),
        Some(login) if directory::find_user(login).is_some() => TokenBuilder::new(&provider).subject(login),
        _ => return Err(Refusal::request("subject must be alice, bob or reporter")),
    };
    Ok(answer(&bearer(token, &scopes)))
}
