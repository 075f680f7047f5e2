//! Embedded migrations are read by a macro, which does not see that a folder was added: Cargo has to be told.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=examples/notes/migrations");
}
