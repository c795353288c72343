//! Reading a snapshot: cheap handles over verified bytes.
//!
//! A [`SnapshotView`] is pinned once per batch; from it follow [`AccountView`], [`TargetView`] and
//! [`CampaignView`]. All are `Copy`, none allocates, and none can fail or panic on a block that
//! [`verify`](super::verify) let through.

mod account;
mod calendar;
mod campaign;
mod members;
mod snapshot;
mod table;
mod target;

pub use account::{AccountView, AppView};
pub use campaign::{CampaignView, MessageView};
pub use snapshot::SnapshotView;
pub(super) use snapshot::is_made_for;
pub(super) use table::as_index;
pub use target::{ListedTarget, NATIONWIDE_KEY, TargetView};
