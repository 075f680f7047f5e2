//! List cursors: a parsed cursor survives being written and parsed again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::{cursor, users_query};

fuzz_target!(|text: &str| {
    if let Some(written) = cursor(text) {
        assert_eq!(cursor(&written).as_ref(), Some(&written));
    }
    if let Some(query) = users_query(text) {
        assert_eq!(users_query(&query).as_ref(), Some(&query), "{text}");
        // A cursor is valid only with the query it was issued for.
        assert_eq!(users_query(&format!("{query}&email=user%40example.com")), None);
    }
});
