//! The documentation of this crate includes a page that lies outside of it, where Cargo wouldn't see
//! it change.

fn main() {
    println!("cargo::rerun-if-changed=../docs/parity.md");
}
