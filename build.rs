//! What Cargo has to be told, and what it must not build by accident.

use std::env;

/// Says that an optimised build with the development issuer is meant, as for measuring.
const DEV_IN_RELEASE: &str = "PORTCULLIS_DEV_IN_RELEASE";

fn main() {
    // Embedded migrations are read by a macro, which does not see that a folder was added.
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=examples/notes/migrations");
    println!("cargo::rerun-if-env-changed={DEV_IN_RELEASE}");
    refuse_dev_in_release();
}

/// The development issuer signs a token for anybody who asks. It is a default feature, so that `cargo run -- dev` and the tests need no
/// option; a release must not have it by default as well.
fn refuse_dev_in_release() {
    let has_dev = env::var_os("CARGO_FEATURE_DEV").is_some();
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    let is_meant = env::var_os(DEV_IN_RELEASE).is_some_and(|value| value == "1");
    if has_dev && is_release && !is_meant {
        println!(
            "cargo::error=the feature `dev` is a development issuer, which signs tokens for anybody: build a release with \
             `--no-default-features --features postgres`, or set {DEV_IN_RELEASE}=1 if this build is for measuring and not for use"
        );
    }
}
