//! What an admitted request hands on: no more than its token delegates and its principal's roles grant.

mod canaries;
mod claims;
mod coming_back;
mod search;
mod table;
