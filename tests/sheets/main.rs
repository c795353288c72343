//! Report files from the real daemon: they take no more memory for more rows, and spreadsheets open them as they are meant.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../campaign_story/customer.rs"]
#[expect(dead_code, reason = "each test binary uses its own part of it")]
mod customer;
#[path = "../support/mod.rs"]
mod support;

mod account;
mod memory;
mod office;
