//! Our side of the queue: how records leave the outbox for consumers.
//!
//! A record becomes a CloudEvent ([`cloudevents`]), its device opened on the way. The embedded queue ([`queue`])
//! serves them as NDJSON over HTTP to named durable consumers, who get [`turns`], notes in the [`visit_log`] who reads visits, and refuses
//! with [`problem`]s. [`tail`] is such a
//! consumer on the command line, over [`http_client`]. `docs/asyncapi.yaml` describes it all to outsiders.

pub mod cloudevents;
mod problem;
mod turns;
pub mod visit_log;
pub mod queue;
pub mod http_client;
pub mod tail;

pub use queue::{Caller, QueueService, routes};

#[cfg(test)]
mod cloudevents_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod visit_log_tests;
