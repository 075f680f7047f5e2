//! The redirect after sign-in: it leads to an allowed origin, however the URL is parsed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::return_to;

const OWN: &str = "https://api.example.com/v2";
const HOSTS: [&str; 2] = ["api.example.com", "app.example.com"];

fuzz_target!(|target: &str| {
    let allowed = ["https://app.example.com".to_owned()];
    let Some(address) = return_to(OWN, &allowed, target) else { return };
    let host = |address: &str| {
        let rest = address.strip_prefix("https://").expect("the address is https");
        rest.split(['/', '\\', '?', '#']).next().unwrap_or_default().to_owned()
    };
    assert!(HOSTS.contains(&&*host(&address)), "{address}");
    assert!(address.bytes().all(|octet| octet.is_ascii_graphic()), "{address:?} is not a single-line field value");
    // As a browser parses `Location`, which a proxy may have parsed before.
    let read = url::Url::parse(OWN).and_then(|own| own.join(&address)).expect("the address is a URL");
    assert!(HOSTS.contains(&read.host_str().unwrap_or_default()) && read.port().is_none(), "{read}");
    assert!(read.username().is_empty() && read.password().is_none(), "{read}");
    assert_eq!(read.as_str(), address);
    assert_eq!(return_to(OWN, &allowed, &address).as_ref(), Some(&address), "the address itself is allowed");
});
