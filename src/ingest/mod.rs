//! Where pings come in: QUIC for gateways, JSON over HTTP for people, both into the same router.
//!
//! Nothing that arrives here is trusted, and nothing leaves here unbounded. A connection must be admitted,
//! say hello and show credentials before a frame of its is read; a frame's records are believed one by one;
//! what is left goes to the shards as a [`Submission`](crate::domain::submission::Submission), and the ack
//! goes back when its ticket resolves. When the shards are full, the reader of the stream waits in `submit`,
//! reads no further, and QUIC's flow control holds the client back.
//!
//! Read in this order: where submissions go ([`intake`]), the bounds ([`config`]), what is counted
//! ([`figures`], [`flow`]), the socket ([`endpoint`]), what QUIC is told ([`transport`]), who may come in ([`admission`]), a client from hello to close
//! ([`connection`]), its frames ([`stream`]) and their acks ([`acker`]), from claims to facts ([`believe`]), and for people
//! with curl [`http`], where accounts take turns, and its bodies ([`json`], [`fields`], [`records`]).

pub mod intake;
pub mod config;
pub mod figures;
pub mod flow;
pub mod endpoint;
pub mod transport;
mod admission;
mod connection;
mod stream;
mod acker;
pub(crate) mod believe;
pub mod http;
mod json;
mod fields;
mod records;

#[cfg(test)]
mod admission_tests;
#[cfg(test)]
mod config_tests;
#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod json_tests;
