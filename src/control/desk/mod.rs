//! Where requests meet the rules: every change of the catalog goes over this desk.
//!
//! A [`Desk`] is one transaction of one account's. [`changes`] makes, replaces and removes documents of
//! any kind; what a kind asks for besides is its row of [`rules`]. [`membership`] says what accounts may have,
//! [`states`] what becomes of a campaign, [`drafts`] whether one could run, [`locks`] what has to stay as it is meanwhile. [`devices`] keeps
//! advertising ids out of sight; those of the [`blacklist`] and of [`test_devices`] too. What files bring comes by [`imported`]. [`notices`] say what has happened, [`audit`] tells who changed what, [`uses`] who looked at people's location, and [`operator`] is
//! for those who look after accounts.
//!
//! In reading order.

pub mod actor;
pub mod membership;
#[expect(clippy::module_inception, reason = "the desk is what the part is about")]
pub mod desk;
pub mod changes;
pub mod listing;
pub mod rules;
pub mod states;
pub mod drafts;
pub mod blacklist;
pub mod notices;
pub mod audit;
pub mod uses;
pub mod operator;
pub mod calendar;
mod locks;
mod imported;
mod devices;
mod test_devices;

pub use actor::Actor;
pub use desk::Desk;
pub use rules::Ruled;

#[cfg(test)]
mod blacklist_tests;
#[cfg(test)]
mod changes_tests;
#[cfg(test)]
mod states_tests;
#[cfg(test)]
mod membership_tests;
#[cfg(test)]
mod listing_tests;
#[cfg(test)]
mod notices_tests;
#[cfg(test)]
mod test_devices_tests;
#[cfg(test)]
mod uses_tests;
