//! The use cases, tried over a database of their own.

mod first_contact;
mod issuers;
mod me;
mod queries;
mod rights;
mod service_accounts;
mod user_list;
mod user_records;
mod users;
