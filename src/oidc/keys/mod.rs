//! The keys of an issuer: discovery, fetching, key sets, their refresh and their store.

pub(crate) mod discovered;
pub(crate) mod discovery;
pub(crate) mod extra_authorities;
pub(crate) mod fetch;
pub(crate) mod issuer_status;
pub(crate) mod key_document;
pub(crate) mod key_set;
pub(crate) mod key_set_state;
pub(crate) mod plain_http;
pub(crate) mod refresher;
pub(crate) mod report;
pub(crate) mod store;
pub(crate) mod verdicts;
