//! Tests of the use cases, each over its own database.

mod first_contact;
mod issuers;
mod me;
mod queries;
mod rights;
mod service_accounts;
mod user_lifecycle;
mod user_list;
mod users;
