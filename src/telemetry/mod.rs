//! Logs and traces, and the rules for their content.
//!
//! No token, secret, cookie, e-mail address or claim value is logged at any level:
//!
//! - a request is logged with its id, its method and the *pattern* of its route, never with the path or the query, which may hold a token;
//! - a panic is logged with its location only, since the message may hold a value;
//! - events of libraries that repeat their input are dropped;
//! - a verified token is logged as the principal's id, the client and the issuer's short name, which is enough to investigate an incident.

mod connection_errors;
mod error_chain;
mod filter;
mod json_lines;
mod output;
mod parent;
mod redaction;
mod request;
mod settings;
mod start;
mod targets;
#[cfg(feature = "otel")]
mod traces;

pub(crate) use connection_errors::connection_errors;
pub(crate) use error_chain::error_chain;
pub(crate) use output::dropped_lines;
pub(crate) use parent::TraceParent;
pub(crate) use request::{record_response, request_span};
pub(crate) use settings::{LogConfig, LogFormat, TraceConfig};
pub use start::LogGuard;
pub(crate) use start::start;
pub(crate) use targets::ACCESS;
