//! One file per resource: unwrap the input, call one service, wrap the output.

mod audit;
mod docs;
mod health;
mod me;
mod metadata;
mod optional_json;
mod paging;
mod preconditions;
mod roles;
mod service_accounts;
mod users;

use crate::auth::Api;

/// Registers the service's own routes.
pub(crate) fn register(api: &mut Api) {
    audit::register(api);
    docs::register(api);
    health::register(api);
    me::register(api);
    metadata::register(api);
    roles::register(api);
    service_accounts::register(api);
    users::register(api);
}
