//! Rows, changesets and the small types of the domain.

pub mod permission;
