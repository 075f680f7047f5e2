//! Queries. They take a connection, return what is there and decide nothing: a miss is `None`, and what it means is the
//! service's to say.
//!
//! What a key finds is asked for by `get_result`, not `first`: over a multi-connection a LIMIT keeps Diesel from reusing the prepared
//! statement, and preparing costs more than finding.

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
pub mod sessions;
pub mod tombstones;
