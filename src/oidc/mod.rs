//! Proving tokens: discovery, key sets, the verifier and the mapping of claims. Knows neither Actix nor Diesel.

mod claims;

pub use claims::{Claims, Profile, SubjectKind};
