//! The geofences and stores that running campaigns watch.

use std::collections::BTreeMap;

use crate::control::compiler::targets::TargetKey;
use crate::control::desk::Desk;
use crate::control::documents::campaign::Nearness;
use crate::control::refusal::Refusal;
use crate::domain::campaign::RunMode;
use crate::domain::ids::{CampaignId, TargetId};
use crate::domain::target::Shape;
use crate::domain::units::UtcMs;
use crate::snapshot::view::{AccountView, TargetView};

/// So many of an account are looked at. One takes some hundred bytes, and a polygon its vertices.
pub(super) const MOST_FENCES: usize = 100_000;

/// The campaigns that run, and since when each of them does.
pub type Running = BTreeMap<CampaignId, UtcMs>;

impl Desk<'_> {
    /// The campaigns that run, with the instant at which each was set running: after that nothing about it changes.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn running(&mut self) -> Result<Running, Refusal> {
        let running = self.campaigns(&["running"])?;
        let since = |at: jiff::Timestamp| UtcMs(at.as_millisecond());
        Ok(running.iter().map(|one| (CampaignId(one.id), since(one.updated_at))).collect())
    }
}

/// A geofence, or one of the two areas of a store.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FenceName {
    /// What it is.
    pub kind: FenceKind,
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Of a store, which of its areas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Nearness>,
}

/// What a fence is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FenceKind {
    /// A circle or polygon that was drawn.
    Geofence,
    /// A store.
    Place,
}

impl FenceKind {
    /// As sentences have it.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Geofence => "geofence",
            Self::Place => "place",
        }
    }
}

/// One of them, as the snapshot in force has it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fence {
    pub(super) key: TargetKey,
    pub(super) target: TargetId,
    pub(super) name: FenceName,
    /// Its radius, or √(area/π) of a polygon, m.
    pub(super) size_m: f32,
    /// When the first of its campaigns began to watch it.
    pub(super) since: UtcMs,
    /// The campaigns that use it, ascending.
    pub(super) campaigns: Vec<u32>,
}

/// The fences of the campaigns that run, by key; and whether these are all.
pub(super) fn fences(account: AccountView<'_>, running: &Running) -> (Vec<Fence>, bool) {
    let mut of_running = account.targets().filter_map(|target| Fence::of(target, running));
    let mut found: Vec<Fence> = of_running.by_ref().take(MOST_FENCES).collect();
    let is_all = of_running.next().is_none();
    found.sort_by_key(|fence| fence.key);
    (found, is_all)
}

impl Fence {
    /// `None` for a region, and for what no running campaign watches.
    fn of(target: TargetView<'_>, running: &Running) -> Option<Self> {
        let key = TargetKey::read(target.key())?;
        let (kind, id, condition) = match key {
            TargetKey::Geofence(id) => (FenceKind::Geofence, id, None),
            TargetKey::Signal(id) => (FenceKind::Place, id, Some(Nearness::SignalRange)),
            TargetKey::Inside(id) => (FenceKind::Place, id, Some(Nearness::Inside)),
            TargetKey::Region(_) | TargetKey::Home(_) => return None,
        };
        let live = || target.campaigns().filter(|campaign| campaign.mode() == RunMode::Running);
        let watching = live().filter_map(|campaign| {
            let since = *running.get(&campaign.id())?;
            Some((campaign.id().0, since.max(campaign.period().0)))
        });
        let (campaigns, since): (Vec<u32>, Vec<UtcMs>) = watching.unzip();
        let name = FenceName { kind, id, name: target.name().to_owned(), condition };
        let since = since.into_iter().min()?;
        Some(Self { key, target: target.id(), name, size_m: target.size_m(), since, campaigns })
    }

    /// Its shape in the snapshot that it is of.
    pub(super) fn shape(&self, account: AccountView<'_>) -> Option<Shape> {
        account.target(self.target)?.shape().map(|shape| shape.to_shape())
    }

    /// The store that it is an area of.
    pub(super) fn place(&self) -> Option<u32> {
        (self.name.kind == FenceKind::Place).then_some(self.name.id)
    }
}
