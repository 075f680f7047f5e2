//! Texts that people and providers choose: names, their length, and characters that are not shown.

pub(crate) mod b64token;
pub(crate) mod hidden;
pub(crate) mod name;
