//! One file per resource: unwrap the input, call one service, wrap the output.

mod docs;
mod health;
mod me;
mod metadata;
mod optional_json;
mod paging;
mod preconditions;
mod service_accounts;
mod user_list;
mod users;

use crate::auth::Api;

/// Registers the service's own routes.
pub(crate) fn register(api: &mut Api) {
    docs::register(api);
    health::register(api);
    me::register(api);
    metadata::register(api);
    service_accounts::register(api);
    user_list::register(api);
    users::register(api);
}
