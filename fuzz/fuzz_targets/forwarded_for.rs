//! The client address behind proxies: an untrusted peer cannot choose it.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use portcullis::fuzzing::forwarded_for;

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"];
const PEERS: [&str; 6] = ["10.1.2.3", "192.0.2.7", "fd00::1", "::ffff:10.0.0.1", "203.0.113.9", "2001:db8::1"];

fuzz_target!(|input: (u8, Vec<&[u8]>)| {
    let (number, fields) = input;
    let peer: IpAddr = PEERS[usize::from(number) % PEERS.len()].parse().expect("an address");
    let client = forwarded_for(&TRUSTED, peer, &fields).expect("the peer has an address");
    let is_trusted = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[0] == 10 || address.octets() == [192, 0, 2, 7],
        IpAddr::V6(address) => address.octets()[0] == 0xfd,
    };
    if !is_trusted(peer) {
        assert_eq!(client, peer.to_canonical(), "an untrusted peer chose the address");
    }
    assert_eq!(client, client.to_canonical());
    // An entry that an untrusted client adds on the left, in a separate field or in the first one, changes nothing.
    if !is_trusted(client) {
        let forged: &[u8] = b"198.51.100.66";
        let more: Vec<&[u8]> = [forged].into_iter().chain(fields.iter().copied()).collect();
        assert_eq!(forwarded_for(&TRUSTED, peer, &more), Some(client));
    }
    // The address is listed: from the right, every address is trusted up to the client.
    let written =
        || fields.iter().filter_map(|field| std::str::from_utf8(field).ok()).flat_map(|field| field.split(','));
    let names = |entry: &str| {
        let bare = entry.trim().trim_start_matches('[').trim_end_matches(']');
        let address =
            bare.parse().ok().or_else(|| entry.trim().parse::<std::net::SocketAddr>().ok().map(|place| place.ip()));
        address.map(|address: IpAddr| address.to_canonical()) == Some(client)
    };
    assert!(client == peer.to_canonical() || written().any(names), "{client} is neither the peer nor listed");
});
