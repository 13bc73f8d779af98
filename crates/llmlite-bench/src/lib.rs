//! Measures what a request through the gateway costs, next to two yardsticks.
//!
//! Everything runs on loopback, on two cores: the [`upstream`] that plays Bedrock and the
//! [`load`] generator on one, the program that is measured on the other.
//! The yardsticks in [`yardstick`] do what no gateway can do without (parse, sign, forward,
//! reshape) and nothing else: no keys, no limits, no ledger.
//! What they cost is the floor; what the gateway costs above it is the price of its features.
//!
//! Start reading at [`run`].

pub mod clock;
pub mod load;
pub mod process;
pub mod report;
pub mod run;
pub mod upstream;
pub mod yardstick;
