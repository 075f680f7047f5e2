//! Merge patches (RFC 7396): absent, null and a value are distinguished, and nothing else is accepted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::{Patch, patch_body};
use serde_json::{Map, Value};

fuzz_target!(|input: (u8, &[u8])| {
    let (number, body) = input;
    let kind = [Patch::Me, Patch::User, Patch::ServiceAccount][usize::from(number % 3)];
    let Some(members) = patch_body(kind, body) else { return };
    let written: Map<String, Value> = serde_json::from_slice(body).expect("an accepted body is an object");
    assert_eq!(members.len(), written.len(), "each member counts once");
    for (name, value) in members {
        let written = written.get(name).expect("the member is in the body");
        match (&value, name) {
            (None, _) => assert!(written.is_null(), "{name}"),
            (Some(_), "expires_at") => assert!(written.is_string(), "{name}"),
            (Some(value), _) => assert_eq!(written.as_str(), Some(&**value), "{name}"),
        }
    }
});
