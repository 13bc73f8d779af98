//! The journal as its users see it: on a real disk, with damage, without space, killed.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that is wrong about the shape of things fails; a child talks to its parent"
)]

mod crash;
mod damage;
mod disk;
mod format;
mod histories;
mod lives;
mod space;
mod whole;
mod world;
