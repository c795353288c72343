//! The whole story of a campaign for each membership, through HTTP and QUIC alone: an account registers what it
//! has, tries a campaign on its own devices, runs it, stops and edits it, runs it again, and sees it end; and one is tried
//! against what was recorded.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod backtests;
mod customer;
mod explained;
mod fence_health;
mod figures;
mod kept;
mod story;
