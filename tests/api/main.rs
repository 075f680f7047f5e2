//! Black-box tests over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic fails the test"
)]

mod agreement;
mod architecture;
mod audit;
mod authorization;
mod challenges;
mod cheap_refusals;
mod command_line;
mod cors;
mod dev_issuer;
mod development;
mod doctor;
mod failures;
mod faults;
mod first_contact;
#[cfg(feature = "postgres")]
mod fleet;
mod floods;
mod granting;
mod health;
mod hosts;
mod http_heads;
mod input;
mod introspection;
mod issuers;
mod leaks;
mod limits;
mod logs;
mod me;
mod metrics;
mod notes;
mod outages;
mod refusals;
mod rights;
mod roles;
mod security_headers;
mod service_accounts;
mod sessions;
mod shutdown;
mod support;
mod texts;
mod times;
#[cfg(feature = "otel")]
mod traces;
mod user_lifecycle;
mod users;
mod words;
