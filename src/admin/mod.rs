//! HTTP for the people who run the daemon: health, metrics, snapshots, the clock, and routes that others bring.
//!
//! The server has a thread and a runtime of its own, so that it answers while everything else is busy or
//! draining. A request passes, from the outside in: a bound on connections and on the time a header may take
//! ([`server`]), [`tls`] where a certificate is configured, the pace at which its answer has to be taken ([`pace`]), the shape of errors ([`problem`]), headers and the bound on bodies ([`routes`]), the bearer
//! token ([`auth`]), and reaches a route: [`routes`] has health and metrics, whose readiness is a latch of
//! named conditions ([`readiness`]); [`snapshots`] publishes and lists; [`clock`] accepts a step. The
//! queue's and the intake's routes are made in their own folders and mounted here by `app`.

pub mod server;
pub mod tls;
mod pace;
pub mod routes;
pub mod v1;
pub mod auth;
pub mod problem;
pub mod readiness;
pub mod snapshots;
pub mod clock;

#[cfg(test)]
mod admin_tests;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod pace_tests;
#[cfg(test)]
mod readiness_tests;
