//! Who owns a device, and in what order does it happen? Mailboxes, one thread a shard, acks after the sync.
//!
//! [`router`] deals the records of a submission to partitions and puts them into the [`mailbox`]es of the
//! shards that own them, which wait when they are full; an
//! [`allowance`] bounds how fast an account hands over. A [`worker`] is one OS thread that owns the state of
//! its partitions outright: it appends a batch to the journal, steps it while the sync is under way, and when
//! the sync is done releases the outputs and resolves the [`ticket`]s. What devices do at targets it hands in now and then (`footfalls`). A changed [`policy`] goes to every
//! partition as an input. The [`ledger`] keeps the books of limits that span partitions, and [`leases`] plans
//! who gets a piece of them and who gives one back.

pub mod config;
pub mod ticket;
pub mod mailbox;
pub mod router;
pub mod job_book;
pub mod allowance;
pub mod policy;
mod batch;
mod plan;
pub mod parts;
pub mod worker;
mod evaluate;
mod footfalls;
pub mod checkpoints;
pub mod ledger;
mod limits;
mod leases;
pub mod figures;

pub use config::ShardConfig;

#[cfg(test)]
pub(crate) mod by_hand;
#[cfg(test)]
mod allowance_tests;
#[cfg(test)]
mod router_tests;
#[cfg(test)]
mod worker_tests;
#[cfg(test)]
mod checkpoints_tests;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod leases_tests;
