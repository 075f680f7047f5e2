//! The place in a list that a client brings back: what is read is written so that it is read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::{cursor, users_query};

fuzz_target!(|text: &str| {
    if let Some(written) = cursor(text) {
        assert_eq!(cursor(&written).as_ref(), Some(&written));
    }
    if let Some(query) = users_query(text) {
        assert_eq!(users_query(&query).as_ref(), Some(&query), "{text}");
        // With another question the cursor is none.
        assert_eq!(users_query(&format!("{query}&email=someone%40example.com")), None);
    }
});
