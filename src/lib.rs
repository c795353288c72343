//! A location-marketing daemon: pings in over QUIC, campaigns decided once per device, push jobs out.
//!
//! # The map
//!
//! One ping changes its type at each stop, so no stop can be skipped. In order:
//!
//! 1. A datagram comes to the [`ingest::endpoint`] and, once its sender is let in, a frame to
//!    [`wire::frame`], which reads a [`Ping`](domain::ping::Ping) out of it without copying.
//! 2. [`Fix::from_ping`](domain::fix::Fix::from_ping) believes it, or gives a
//!    [`RejectReason`](domain::reasons::RejectReason).
//! 3. The [`Router`](shard::router::Router) finds the device's partition and puts the fix into the
//!    [`mailbox`](shard::mailbox) of the shard that owns it.
//! 4. The shard's [`worker`](shard::worker) appends it to the [`journal`] and, while the sync is under way, takes
//!    one [`SnapshotView`](snapshot::view::SnapshotView) and steps the [`Partition`](engine::Partition).
//! 5. In there a fix becomes transitions ([`engine::stays`]), transitions open triggers ([`engine::triggers`]),
//!    [`engine::gates`] look for reasons not to push, and [`engine::decide`] makes a
//!    [`Decision`](domain::decision::Decision): a [`PushJob`](domain::decision::PushJob) or an
//!    [`AttributionEvent`](domain::decision::AttributionEvent).
//! 6. After the sync the [`AckTicket`](shard::ticket::AckTicket) resolves and the ack leaves; the decisions go to
//!    the [`outbox`], with names and messages filled in by [`outbox::encode`].
//! 7. Consumers read them from the embedded [`queue`](sink::queue) as [`cloudevents`](sink::cloudevents).
//!
//! A change of campaigns comes the other way: [`snapshot::source`] reads the files, [`snapshot::build`] compiles
//! them, the [`store`](snapshot::store) keeps the result, [`snapshot::load`] verifies it once, and the
//! [`slot`](snapshot::slot) hands it to the shards, which journal the publication like any other input.
//!
//! Marketers change theirs over HTTP: [`admin::v1`] asks the [`control::desk`], which holds the change against the rules and
//! writes it to the [`control::store`]; the [`control::compiler`] makes the account's part of the next snapshot of it.
//!
//! What came of the jobs is counted behind the outbox: [`outbox::derived`] follows its records into rows, by campaign, day
//! and device, and [`control::reports`] answers from these, to [`admin::v1`] again. Visits go the same way, and make
//! the users of [`control::segments`].
//!
//! After a crash [`offline::rerun`] takes the journal through the same engine; `replay` does so at any time, and
//! [`offline::explain`] looks at one device on the way, [`offline::backtest`](mod@offline::backtest) tries a campaign that
//! has not run yet.
//! [`app`] builds the parts and joins them, [`config`] says how large they are, [`admin`] and [`telemetry`] show
//! them, and [`shutdown`] ends them in the direction of the flow.

pub mod domain;
pub mod geo;
pub mod snapshot;
pub mod engine;
pub mod wire;
pub mod client;
pub mod auth;
pub mod identity;
pub mod journal;
pub mod outbox;
pub mod shard;
pub mod ingest;
pub mod sink;
pub mod offline;
pub mod control;
pub mod admin;
pub mod telemetry;
pub mod clock;
pub mod shutdown;
pub mod config;
pub mod app;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod shutdown_tests;
