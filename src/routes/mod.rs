//! The HTTP handlers, one file per resource. A handler unwraps the input, calls one service and wraps the output.

mod accounts;
mod actor;
mod audit;
mod auth;
mod docs;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod idempotency;
mod json_object;
mod me;
mod metadata;
mod my_sessions;
mod optional_json;
mod paging;
mod preconditions;
mod redirects;
mod roles;
mod service_accounts;
mod users;

use crate::routing::Api;

pub(crate) use auth::CALLBACK_PATH;
pub(crate) use docs::DocsSignIn;

/// Registers the service's own routes.
pub(crate) fn register(api: &mut Api) {
    audit::register(api);
    auth::register(api);
    docs::register(api);
    health::register(api);
    me::register(api);
    metadata::register(api);
    my_sessions::register(api);
    roles::register(api);
    service_accounts::register(api);
    users::register(api);
}
