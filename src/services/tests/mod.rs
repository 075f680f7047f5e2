mod first_contact;
mod me;
mod rights;
mod service_accounts;
mod users;
