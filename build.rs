//! Rebuild triggers, and a check against an accidental release build with the development issuer.

use std::env;

/// Permits a release build with the development issuer, for measurements.
const DEV_IN_RELEASE: &str = "PORTCULLIS_DEV_IN_RELEASE";

fn main() {
    // The macro that embeds migrations does not detect a new folder.
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=examples/notes/migrations");
    println!("cargo::rerun-if-env-changed={DEV_IN_RELEASE}");
    refuse_dev_in_release();
}

/// The development issuer signs tokens without authentication. `dev` is a default feature, so that `cargo run -- dev` and the tests need
/// no option; a release must therefore disable it explicitly.
fn refuse_dev_in_release() {
    let has_dev = env::var_os("CARGO_FEATURE_DEV").is_some();
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    let is_permitted = env::var_os(DEV_IN_RELEASE).is_some_and(|value| value == "1");
    if has_dev && is_release && !is_permitted {
        println!(
            "cargo::error=the feature `dev` adds a development issuer, which signs tokens without authentication: \
             build a release with `--no-default-features --features postgres`, or set {DEV_IN_RELEASE}=1 if this build \
             is for measurements only"
        );
    }
}
