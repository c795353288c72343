//! Which districts a point lies in, for the codes of messages that name them.

use std::collections::BTreeMap;

use super::atlas::Atlas;
use super::records::Area;
use crate::control::documents::region::Level;
use crate::domain::units::PointE7;

/// The numbers of a state, a city and a street; `None` where there is none.
pub(super) type Within = [Option<u32>; 3];

/// The districts of an account.
#[derive(Default, Debug)]
pub(super) struct Districts {
    atlas: Atlas,
    /// By position in the atlas: which of [`Within`] it is, and its number.
    ids: Vec<(usize, u32)>,
}

impl Districts {
    /// Those among regions by number.
    pub(super) fn of(regions: &BTreeMap<u32, Area>) -> Self {
        let (mut shapes, mut ids) = (Vec::new(), Vec::new());
        for (id, area) in regions {
            if let Some(slot) = slot(area.region.level) {
                shapes.push(area.shape.clone());
                ids.push((slot, *id));
            }
        }
        Self { atlas: Atlas::of(shapes), ids }
    }

    /// Those that contain a point; where several of a level do, the one that was made last.
    pub(super) fn at(&self, point: PointE7) -> Within {
        let mut within = Within::default();
        for at in self.atlas.containing(point) {
            let (slot, id) = self.ids[at];
            within[slot] = Some(id);
        }
        within
    }
}

/// Where a level stands; trade areas are no districts.
pub(super) fn slot(level: Level) -> Option<usize> {
    match level {
        Level::State => Some(0),
        Level::City => Some(1),
        Level::Street => Some(2),
        Level::TradeArea => None,
    }
}
