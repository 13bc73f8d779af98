//! Runs a hyper server properly: accept, limits, request ids, bounded bodies, replies, drain; and
//! connects our own clients.
//!
//! It knows nothing of what is served.
//! Start with [`server::serve`]; a [`Handler`] gets each request with its id, and answers with a
//! [`body::Body`].
//! A client of `hyper_util` is built on [`client::connector`].

pub mod bearer;
pub mod body;
pub mod client;
mod impatient;
pub mod reply;
pub mod request_id;
pub mod server;

pub use body::Body;
pub use hyper;
pub use request_id::RequestId;
pub use server::{Drained, Handler, Limits, Stop, serve};
