//! Hot swaps while pings flow: each edits a campaign's message, every second one moves a few fences too.
//!
//! The moved fences lie where no device is, so what is to come out stays foretold: a swap must lose nothing, repeat
//! nothing, and each job must be what the snapshot says whose hash it carries. That the replayed journal tells.

use std::time::Duration;

use geofenced::domain::campaign::MessageSpec;
use geofenced::domain::ids::AccountId;
use geofenced::domain::target::{Labels, Shape};
use geofenced::domain::units::PointE7;
use geofenced::snapshot::load::Loaded;
use geofenced::snapshot::source::{CampaignFile, FenceSpec, FileNames};
use hyper::Method;
use jiff::civil::Date;

use crate::daemon::{Daemon, DaemonError};

/// What came of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Swapped {
    /// Snapshots put in force.
    pub(crate) swaps: u64,
    /// The most snapshots that the daemon held at once, as asked after each swap.
    pub(crate) most_live: u64,
}

/// Fences for swaps to move: at 60° south, where no town may be.
pub(crate) fn spares(account: AccountId, after: usize) -> impl Iterator<Item = FenceSpec> {
    (after..after + SPARES).map(move |number| FenceSpec {
        feature: u32::try_from(number).unwrap_or(u32::MAX),
        account,
        key: format!("spare-{number}"),
        name: String::new(),
        labels: Labels::default(),
        place: None,
        shape: circle(0, number),
        campaigns: Vec::new(),
    })
}

/// How many a swap moves.
const SPARES: usize = 3;

/// Where spare fence `number` is after so many swaps.
fn circle(swap: u64, number: usize) -> Shape {
    let step = i32::try_from(swap % 1000).unwrap_or_default();
    let lon = i32::try_from(number % 100).unwrap_or_default() * 1_000_000;
    Shape::Circle { center: PointE7 { lat: -600_000_000 + step * 1000, lon }, radius_m: 100.0 }
}

/// What is edited, over and over.
pub(crate) struct Swapper<'a> {
    pub(crate) daemon: &'a Daemon,
    pub(crate) names: FileNames<'a>,
    pub(crate) fences: Vec<FenceSpec>,
    pub(crate) file: CampaignFile,
    pub(crate) valid_from: Date,
    pub(crate) per_s: u32,
}

impl Swapper<'_> {
    /// Swaps at fixed instants until `is_over`; one that takes longer than its turn delays the next.
    pub(crate) async fn run(
        mut self,
        mut previous: Loaded,
        is_over: impl Fn() -> bool,
    ) -> Result<Swapped, DaemonError> {
        let mut swapped = Swapped::default();
        let mut turns = tokio::time::interval(Duration::from_secs(1) / self.per_s);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut http = self.daemon.connect().await?;
        loop {
            turns.tick().await;
            if is_over() {
                return Ok(swapped);
            }
            swapped.swaps += 1;
            self.edit(swapped.swaps);
            let source = (self.fences.clone(), self.file.clone());
            previous = self.daemon.write_after(self.names, source, self.valid_from, &previous)?;
            http.send(Method::POST, "/v1/snapshots/reload", Vec::new().into()).await?.success()?;
            let state =
                http.send(Method::GET, "/v1/snapshots", Vec::new().into()).await?.success()?;
            let state: serde_json::Value = serde_json::from_slice(&state).unwrap_or_default();
            let live = state["live"].as_array().map_or(0, Vec::len) as u64;
            swapped.most_live = swapped.most_live.max(live);
        }
    }

    fn edit(&mut self, swap: u64) {
        let campaigns = self.file.campaigns.len().max(1);
        let turn = usize::try_from(swap).unwrap_or_default() % campaigns;
        if let Some((campaign, _)) = self.file.campaigns.get_mut(turn) {
            let said = MessageSpec { title: format!("swap {swap}"), ..MessageSpec::default() };
            campaign.messages.iter_mut().for_each(|message| *message = said.clone());
        }
        if swap.is_multiple_of(2) {
            for fence in self.fences.iter_mut().rev().take(SPARES) {
                fence.shape = circle(swap, fence.feature as usize);
            }
        }
    }
}
