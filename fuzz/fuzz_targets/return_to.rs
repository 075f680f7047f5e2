//! Where a browser is sent after a sign-in: to a listed origin, however the address is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::return_to;

const OWN: &str = "https://api.example.com/v2";
const HOSTS: [&str; 2] = ["api.example.com", "app.example.com"];

fuzz_target!(|target: &str| {
    let allowed = ["https://app.example.com".to_owned()];
    let Some(address) = return_to(OWN, &allowed, target) else { return };
    let host = |address: &str| {
        let rest = address.strip_prefix("https://").expect("https");
        rest.split(['/', '\\', '?', '#']).next().unwrap_or_default().to_owned()
    };
    assert!(HOSTS.contains(&&*host(&address)), "{address}");
    assert!(address.bytes().all(|octet| octet.is_ascii_graphic()), "{address:?} is a field value of one line");
    // As a browser reads the field Location, which may have come through a proxy that read it once before.
    let read = url::Url::parse(OWN).and_then(|own| own.join(&address)).expect("an address");
    assert!(HOSTS.contains(&read.host_str().unwrap_or_default()) && read.port().is_none(), "{read}");
    assert!(read.username().is_empty() && read.password().is_none(), "{read}");
    assert_eq!(read.as_str(), address);
    assert_eq!(return_to(OWN, &allowed, &address).as_ref(), Some(&address), "it is allowed itself");
});
