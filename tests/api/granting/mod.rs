//! Permissions of an admitted request: at most those that its token delegates and its principal's roles grant.

mod canaries;
mod claims;
mod coming_back;
mod search;
mod table;
