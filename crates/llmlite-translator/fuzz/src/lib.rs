//! What must hold whatever bytes come in: each function panics when it does not.
//!
//! The fuzz targets call these with bytes of libFuzzer's choice; the translator's own test `corpus`
//! calls them with every file of `corpus` and of the fixtures, without any instrumentation.

mod answer;
mod frame;
mod request;
mod rules;
mod stream;
mod subjects;

pub use answer::sse;
pub use request::request;
pub use stream::event;
