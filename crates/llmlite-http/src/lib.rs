//! Runs a hyper server properly: accept, limits, request ids, bounded bodies, replies, drain.
//!
//! It knows nothing of what is served.
//! Start with [`server::serve`]; a [`Handler`] gets each request with its id, and answers with a
//! [`body::Body`].

pub mod bearer;
pub mod body;
mod impatient;
pub mod reply;
pub mod request_id;
pub mod server;

pub use body::Body;
pub use hyper;
pub use request_id::RequestId;
pub use server::{Drained, Handler, Limits, Stop, serve};
