//! Users: those of an uploaded file, or those who were somewhere.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, Need, text};
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// Users whom a campaign can address: those of an uploaded file, or those who were somewhere.
///
/// Its states are those of its file (checking, usable, partly_failed, failed, check_error), or computing, usable,
/// refreshing and failed where it is by visit history.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// 1 to 100 characters.
    pub name: String,
    /// At most 100 characters.
    #[serde(default)]
    pub description: String,
    /// Where its users were; none where they come from a file. One can't be made the other.
    #[serde(default)]
    pub history: Option<History>,
    /// Why the users of a history can't be looked up, where its state is failed; what an earlier look-up found stays in
    /// use. The service fills it in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Where users were: one of the blocks must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Whole local days before today that count: 7, 30, 90 or 180.
    pub days: u32,
    /// 1 to 5, any of them.
    pub blocks: Vec<VisitBlock>,
}

/// Visits to stores: in one of the regions, and of one of the brands, categories or places. Either may be left out, not both.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VisitBlock {
    /// Districts and trade areas.
    pub regions: Vec<u32>,
    /// Brands whose stores are meant.
    pub brands: Vec<u32>,
    /// Categories whose stores are meant, with all below them.
    pub categories: Vec<u32>,
    /// Stores.
    pub places: Vec<u32>,
    /// Visits of the block that a user must have made, 1 to 1,000.
    pub at_least: u32,
}

/// Whole days that a history may be of.
pub const HISTORY_DAYS: [u32; 4] = [7, 30, 90, 180];

/// Blocks that a history may have.
pub const MAX_BLOCKS: usize = 5;

/// The most visits that a block may ask for.
pub const MAX_AT_LEAST: u32 = 1000;

impl History {
    /// Every field whose value is not allowed.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut unless = |fine: bool, pointer: String, detail: String| {
            if !fine {
                faults.push(Fault::new(pointer, detail));
            }
        };
        let days = self.days;
        let detail = format!("days is {days}; allowed: 7, 30, 90, 180");
        unless(HISTORY_DAYS.contains(&days), "/history/days".to_owned(), detail);
        let blocks = self.blocks.len();
        let detail = format!("there are {blocks} blocks; allowed: 1 to {MAX_BLOCKS}");
        unless((1..=MAX_BLOCKS).contains(&blocks), "/history/blocks".to_owned(), detail);
        for (at, block) in self.blocks.iter().enumerate() {
            let least = block.at_least;
            let detail = format!("at_least is {least}; allowed: 1 to {MAX_AT_LEAST}");
            let pointer = format!("/history/blocks/{at}/at_least");
            unless((1..=MAX_AT_LEAST).contains(&least), pointer, detail);
            let detail = "the block names nothing; allowed: regions, or brands, categories or places, or both";
            unless(!block.is_empty(), format!("/history/blocks/{at}"), detail.to_owned());
        }
        faults
    }
}

impl VisitBlock {
    fn is_empty(&self) -> bool {
        [&self.regions, &self.brands, &self.categories, &self.places]
            .iter()
            .all(|ids| ids.is_empty())
    }

    fn needs(&self, at: usize) -> Vec<Need> {
        let lists = [
            ("regions", Kind::Region, &self.regions),
            ("brands", Kind::Brand, &self.brands),
            ("categories", Kind::Category, &self.categories),
            ("places", Kind::Place, &self.places),
        ];
        let each = |(field, kind, ids): (&str, Kind, &Vec<u32>)| {
            Need::each(&format!("/history/blocks/{at}/{field}"), kind, ids)
        };
        lists.into_iter().flat_map(each).collect()
    }
}

/// The state of a segment by visit history until its users are known.
pub const COMPUTING: &str = "computing";

/// The state of one whose users are known and looked up once more, for a campaign has started.
pub const REFRESHING: &str = "refreshing";

/// The state of one whose users can't be looked up; tried again now and then, and whenever it is edited.
pub const FAILED: &str = "failed";

/// So many distinct advertising ids may be uploaded to a segment.
pub const MAX_SEGMENT: u64 = 500_000;

impl Document for Segment {
    const KIND: Kind = Kind::Segment;
    const FIRST_STATE: &'static str = "checking";

    fn name(&self) -> &str {
        &self.name
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        faults.extend(text("/description", &self.description, 100, false));
        faults.extend(self.history.iter().flat_map(History::faults));
        faults
    }

    fn needs(&self) -> Vec<Need> {
        let blocks = self.history.iter().flat_map(|history| &history.blocks);
        blocks.enumerate().flat_map(|(at, block)| block.needs(at)).collect()
    }

    fn first_state(&self) -> &'static str {
        if self.history.is_some() { COMPUTING } else { Self::FIRST_STATE }
    }

    fn state_after(&self, old: &Self, state: &str) -> String {
        let is_other = self.history != old.history;
        let is_tried_again = self.history.is_some() && state == FAILED;
        if is_other || is_tried_again { self.first_state().to_owned() } else { state.to_owned() }
    }
}
