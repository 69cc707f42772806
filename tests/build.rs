//! The documentation of this crate includes pages that lie outside of it, where Cargo wouldn't see
//! them change.

fn main() {
    println!("cargo::rerun-if-changed=../docs");
}
