//! Limits on what a client can cost: request budgets, failed credentials, profile edits and the client address that they count by.

pub(crate) mod client_address;
pub(crate) mod edit_budget;
pub(crate) mod hosts;
pub(crate) mod rate_limit;
pub(crate) mod request_limits;

pub(crate) use client_address::TrustedProxies;
pub(crate) use edit_budget::EditBudget;
pub(crate) use rate_limit::RateLimits;
