//! Rebuilds the crate when a migration is added: the embedding macro does not notice a new file.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
