//! Why did a device get a campaign's push, or why not? The log of its partition through the engine again, with somebody looking.
//!
//! A [`Question`] names an account, a device and a campaign. [`log`] finds where to begin and [`walk`] takes the
//! partition from there to the end of the log, which a running daemon may still be writing; the engine notes what it
//! sees of the device ([`trace`](crate::engine)). [`telling`] puts its last moments into words, by [`because`] in one
//! sentence, with the [`mod@nearest`] border and instants as the account's [`local`] clocks show them; the
//! [`answer`] is what leaves. [`mod@page`] is the same for a terminal. Nothing in the data directory is changed.
//!
//! In reading order.

mod question;
mod log;
mod walk;
pub mod answer;
mod telling;
mod because;
mod inputs;
mod nearest;
mod local;
mod page;

pub use answer::Explanation;
pub use page::page;
pub use question::{
    ExplainError, FindSnapshot, Known, MOMENTS, MOST_MOMENTS, Question, Records, explain,
};

#[cfg(test)]
mod story;
#[cfg(test)]
mod explain_tests;
