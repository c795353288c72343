//! The whole daemon in one thread, out of one seed: devices, gateways, time, the disk and every failure are
//! drawn by lot; what runs in between is the daemon's own code.
//!
//! [`lots`] draws. [`catalog`] has campaigns and how they change, [`clients`] the gateways that send, resend and
//! reconnect, [`consumer`] who reads the queue, [`hardware`] what outlives a process: disk, rows, clock. [`process`] joins the parts as
//! [`daemon`](super::daemon) does, over simulated disks and with every thread replaced by turns; [`course`] deals
//! the turns and the failures.
//!
//! At the end [`witness`] says what the log has had, [`judge`] holds acks, jobs and identities against it, and
//! [`oracle`] has the engine once more over that input, from nothing and without a crash, beside the plain model
//! of the engine's own tests. A seed replays: `GEOFENCED_SEED=17 cargo test --lib simulation`.

mod lots;
mod catalog;
mod hardware;
mod process;
mod clients;
mod seen;
mod tally;
mod consumer;
mod course;
mod witness;
mod oracle;
mod judge;
mod simulation_tests;
mod fault_tests;
mod clock_step_tests;
