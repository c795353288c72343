//! Districts and trade areas. The file may have a district before the one around it, so that is joined at the end.

use super::batch::Applies;
use crate::control::desk::Desk;
use crate::control::documents::{Document as _, Region, region::Level};
use crate::control::imports::rows::regions::RegionRow;
use crate::control::refusal::Refusal;
use crate::control::store::Kind;

/// Puts regions in, in the place of those with the same level and code.
#[derive(Clone, Default)]
pub(in crate::control::uploads) struct Regions {
    /// Numbers of districts, and the natural keys of those around them.
    pub(in crate::control::uploads) parents: Vec<(u32, String)>,
}

impl Applies for Regions {
    type Row = RegionRow;

    fn number(row: &RegionRow) -> u64 {
        row.row
    }

    fn apply(&mut self, desk: &mut Desk<'_>, row: RegionRow) -> Result<(), Refusal> {
        let parent_key = parent_key(&row);
        let region = Region {
            name: row.name,
            level: row.level,
            code: row.code,
            parent: None,
            shape: row.shape,
        };
        let there = desk.number_of(Kind::Region, &region.natural().unwrap_or_default())?;
        let number = desk.put_imported(there, &region)?;
        self.parents.extend(parent_key.map(|key| (number, key)));
        Ok(())
    }
}

/// Joins districts to those around them.
#[derive(Clone)]
pub(in crate::control::uploads) struct Joins;

impl Applies for Joins {
    type Row = (u32, String);

    fn number((number, _): &(u32, String)) -> u64 {
        u64::from(*number)
    }

    fn apply(&mut self, desk: &mut Desk<'_>, (number, key): (u32, String)) -> Result<(), Refusal> {
        let parent = desk.number_of(Kind::Region, &key)?;
        let region = desk.document::<Region>(number)?.document;
        desk.put_imported(Some(number), &Region { parent, ..region })?;
        Ok(())
    }
}

/// What no other region of the catalog shares.
pub(in crate::control::uploads) fn region_key(level: Level, code: &str) -> String {
    format!("{} {code}", level.label())
}

/// That of the district around it.
pub(in crate::control::uploads) fn parent_key(row: &RegionRow) -> Option<String> {
    let above = match row.level {
        Level::City => Level::State,
        Level::Street => Level::City,
        Level::State | Level::TradeArea => return None,
    };
    row.parent_code.as_ref().map(|code| region_key(above, code))
}
