//! Database queries. They take a connection, return rows and make no decisions: a miss is `None`, which the service interprets.
//!
//! Lookups by key use `get_result`, not `first`: over a multi-connection, Diesel does not reuse the prepared statement of a query with
//! LIMIT, and preparing costs more than the lookup.

pub mod audit_events;
pub mod audit_history;
pub mod change_feed;
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
