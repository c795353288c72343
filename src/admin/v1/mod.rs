//! The campaign API, `/v1`: documents over HTTP, and their description.
//!
//! An [`Api`](api::Api) gathers endpoints: each is a route and its part of `/openapi.json`, said once ([`flatten`] makes one object of a document and what is added to it). Documents of
//! all kinds have the same five ([`resource`]); [`accounts`], [`campaigns`], [`blacklist`], [`tokens`] and [`audit`] have more.
//! [`request`] reads what callers send, [`answer`] writes what they get, and [`service`] takes requests to the
//! catalog's desk, within what the account may ask for ([`rates`]). [`explain`] tells why a device got a push or
//! not, [`backtests`] try campaigns, [`fence_health`] finds fences that do not do what they were drawn for; what the location of people was used for, [`location_uses`] lists. [`report_files`] are made of reports and kept. [`imports`] takes files and [`streams`] are what is followed as it happens. [`epochs`] lets a caller wait until a change is in
//! force, and [`figures`] counts requests. [`endpoints`] is the table of them all, and [`api_page`] shows it.
//!
//! In reading order.

pub mod api;
mod flatten;
pub mod service;
mod rates;
mod request;
mod answer;
mod reports;
mod report_files;
mod explain;
mod fence_health;
mod segments;
mod backtests;
mod resource;
mod accounts;
mod campaigns;
mod blacklist;
mod tokens;
mod audit;
mod location_uses;
mod epochs;
pub mod figures;
mod endpoints;
mod api_page;
mod imports;
mod streams;

pub(crate) use api_page::described;
pub use endpoints::{campaign_api, operator_api, upload_api};
pub(crate) use epochs::wait as wait_for_epoch;
pub(crate) use figures::count as count_request;
pub(crate) use rates::gate;
pub use service::{InForce, Service};
pub use streams::Streams;

#[cfg(test)]
mod openapi_tests;
#[cfg(test)]
mod report_files_tests;
#[cfg(test)]
mod router_tests;
#[cfg(test)]
mod served;
#[cfg(test)]
mod streams_tests;
