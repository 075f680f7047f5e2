//! Black-box tests over HTTP.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on is a test that failed")]

mod dev_issuer;
