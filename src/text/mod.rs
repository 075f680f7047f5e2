//! Texts that people and providers choose: names, their length, and characters that are not shown.

pub(crate) mod hidden;
pub(crate) mod name;
