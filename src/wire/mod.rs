//! The protocol `geofenced/1` as bytes: both directions, and nothing but bytes.
//!
//! `docs/protocol.md` is its specification and this folder its first implementation. What arrives is a stream
//! of bytes that nobody vouches for; what leaves are the domain's untrusted types. Decoding borrows from the
//! bytes it is given and allocates nothing; encoding appends to a buffer of the caller's. There is no socket,
//! no clock and no state in here but the position within a slice.
//!
//! Read in this order: how much there may be ([`limits`]), the 32 bytes every frame begins with ([`header`]),
//! how a connection opens ([`hello`]), what a frame carries ([`record`] for pings, [`reports`] for outcomes,
//! profiles and hints), what comes back ([`ack`]), how bytes become frames ([`frame`]), and how a connection
//! ends ([`close`]).

pub mod limits;
pub mod header;
pub mod hello;
pub mod record;
pub mod reports;
pub mod ack;
pub mod frame;
pub mod close;

mod bytes;

#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod hello_tests;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod records_tests;
#[cfg(test)]
mod spec_tests;
