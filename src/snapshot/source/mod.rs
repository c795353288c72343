//! Files to specs: a GeoJSON file of fences and a JSON file of accounts and campaigns.
//!
//! A person wrote these files, so whatever is wrong is said with the file, the feature or campaign, the field,
//! its value and what is allowed; the first twenty findings of a file come together ([`finding`]). Fences are
//! read in one pass ([`fences`], [`members`], [`coordinates`]) and understood ([`feature`], [`rings`]), campaigns by their shape first
//! ([`shape`]), then by their meaning ([`campaigns`], [`reading`]). [`compose`](mod@compose) joins both and deals
//! the target ids, which a fence keeps over all edits ([`directory`]). What reads one value of a hostile GeoJSON
//! serves the catalog's [imports](crate::control::imports) too.

pub mod finding;
pub(crate) mod scalar;
pub(crate) mod object;
pub(crate) mod coordinates;
pub(crate) mod rings;
mod members;
mod feature;
mod fences;
pub mod shape;
mod campaigns;
mod reading;
mod directory;
mod compose;

pub use campaigns::{CampaignFile, TargetChoice, parse_campaigns};
pub use compose::{FileNames, compose, fences_alone};
pub use directory::{IdsUsedUp, TargetDirectory};
pub use feature::FenceSpec;
pub use fences::parse_fences;
pub use finding::{Finding, SourceErrors};
pub use reading::campaign_spec;

#[cfg(test)]
mod campaigns_tests;
#[cfg(test)]
mod compose_tests;
#[cfg(test)]
mod fences_tests;
#[cfg(test)]
mod rings_tests;
