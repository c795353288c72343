//! What campaigns have brought: figures while they run, reports of a period, and the pushes of a month.
//!
//! The [`subject`] of a report is a campaign as the catalog has it; what it brought is counted by
//! [`outbox::derived`](crate::outbox::derived). [`live`] (with the `audience`)
//! and [`hours`] show it as it is now, [`period`] for days that
//! are over, [`visits`] who came to a store afterwards (as a [`visit_request`] asks; those `watched`), [`usage`] all campaigns of an account by month. [`sheet`] writes what can be downloaded,
//! [`files`] keeps it for a while;
//! [`kept`] says what can't be told any more.

pub mod subject;
mod parts;
mod kept;
mod audience;
pub mod live;
pub mod hours;
pub mod period;
mod interval;
pub mod visit_request;
mod watched;
pub mod visits;
pub mod usage;
pub mod sheet;
pub mod files;

pub use files::ReportShelf;
pub use kept::ReportError;
pub use live::Reports;
pub use subject::Subject;

#[cfg(test)]
mod audience_tests;
#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod period_tests;
#[cfg(test)]
mod reports_tests;
#[cfg(test)]
mod visits_tests;
#[cfg(test)]
mod lift_tests;
