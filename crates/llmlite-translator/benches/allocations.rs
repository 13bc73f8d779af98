//! How often translation asks for memory: a line each for `benches/translate.rs` to show.
//!
//! Apart from the clocks, because counting takes time, and more of it where more is counted.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

mod work;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    for request in work::requests() {
        let ours = count(|| work::translate(&request.body));
        let yardstick = count(|| work::yardstick(&request.body));
        println!("{}\t{ours}\t{yardstick}", request.name);
    }
    let reply = work::reply();
    for answer in work::answers() {
        let decoded = count(|| work::decode(&answer.events, &reply));
        let framed = count(|| work::decode_and_frame(&answer.events, &reply));
        println!("{}\t{decoded}\t{framed}", answer.name);
    }
}

/// Allocations, and reallocations with them.
fn count(work: impl FnOnce() -> usize) -> usize {
    let region = Region::new(COUNTED);
    let done = work();
    let change = region.change();
    assert!(done > 0, "the work was done");
    change.allocations + change.reallocations
}
