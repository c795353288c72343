//! The words of the project as types: what a ping is, what a campaign asks for, what the engine answers.
//!
//! Everything else imports from here and this folder imports nothing of ours. No type in it knows how it is
//! carried over a wire, kept in a file or shown to a person. Read in the order below it follows one ping:
//! who sent it ([`ids`]), where and when ([`units`]), the report as it came ([`ping`]), the report as we
//! believe it ([`fix`]), what else a device may tell us ([`report`]), what intake hands on ([`submission`]),
//! what is journalled ([`input`]), what campaigns ask for ([`target`], [`campaign`], [`policy`]) and which
//! [`knobs`] are out of range, the keyed hashes that draw lots ([`lots`]), what comes out ([`decision`]), what is only
//! counted ([`tally`], and at targets [`footfall`]), why something did not come out ([`reasons`]), and how a request is told so ([`problem`]).
//! [`turns`] are shared out among accounts.

pub mod ids;
pub mod units;
pub mod ping;
pub mod fix;
pub mod report;
pub mod submission;
pub mod input;
pub mod target;
pub mod campaign;
pub mod knobs;
pub mod policy;
pub mod lots;
pub mod decision;
pub mod tally;
pub mod footfall;
pub mod reasons;
pub mod problem;
pub mod turns;

#[cfg(test)]
mod fix_tests;
#[cfg(test)]
mod footfall_tests;
#[cfg(test)]
mod ids_tests;
#[cfg(test)]
mod lots_tests;
#[cfg(test)]
mod turns_tests;
