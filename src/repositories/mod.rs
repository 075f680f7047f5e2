//! Queries. They take a connection, return what is there and decide nothing: a miss is `None`, and what it means is the
//! service's to say.

pub mod audit_events;
pub mod audit_history;
pub mod grants;
pub mod idempotency_keys;
pub mod identities;
pub mod key_sets;
pub mod people;
mod principal_terms;
pub mod principals;
pub mod roles;
pub mod tombstones;
