//! The wire protocol end to end: the real client against the real endpoint over loopback, with shards in
//! between that hold back, lose or refuse as each test says.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod shards;
mod daemon;
mod rude;
mod acks;
mod losses;
mod credentials;
mod limits;
mod broken_rules;
mod false_daemon;
