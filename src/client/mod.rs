//! The Rust client of the wire protocol: streams of frames out, acks in, over as many connections as it takes.
//!
//! A gateway makes one [`Client`] per daemon and opens streams on it. Each
//! [`ClientStream`] keeps its frames, as bytes, until they are acknowledged; when the
//! connection is lost, a new one is made and they are sent again, in order. What is kept is bounded: a
//! stream whose window is full makes its sender wait. The load generator and the tests use this client.
//!
//! Read in this order: what one may choose ([`options`]), what can go wrong ([`failure`]), from address to
//! hello_ack ([`dial`]), the connection over its losses ([`session`]), a stream ([`stream`]) and the task that
//! moves its bytes ([`pump`]).

pub mod options;
pub mod failure;
mod dial;
pub mod session;
pub mod stream;
mod pump;

pub use failure::ClientError;
pub use options::{ClientOptions, Credentials, Reconnect, Trust};
pub use session::Client;
pub use stream::{AckSpan, ClientStream};
