//! Which devices have the visits that a history asks for.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::control::compiler::locations::Gazetteer;
use crate::control::compiler::{CompileError, Records};
use crate::control::desk::uses::{About, Used};
use crate::control::documents::campaign::General;
use crate::control::documents::segment::{History, VisitBlock};
use crate::control::reports::hours::starts_at;
use crate::control::store::{Purpose, Tx};
use crate::domain::ids::{AccountId, PlaceId};
use crate::domain::units::UtcMs;
use crate::outbox::derived::{Figures, FiguresError};

/// A history with its stores found and its days as instants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookup {
    account: AccountId,
    /// The first instant that counts, and the first that does not any more.
    span: (UtcMs, UtcMs),
    /// The first local day that counts, and the last.
    days: (Date, Date),
    /// Stores, and visits that a device must have made in one of these.
    blocks: Vec<(Vec<PlaceId>, u32)>,
}

impl Lookup {
    /// What a history means on a day: its stores as they are now, and whole local days before the day.
    ///
    /// # Errors
    /// When a record is gone or can't be read.
    pub fn of(
        history: &History,
        (account, zone, today): (AccountId, &TimeZone, Date),
        tx: &mut dyn Tx,
    ) -> Result<Self, CompileError> {
        let mut records = Records::of(account);
        let mut gazetteer = Gazetteer::over(tx, &mut records);
        let mut blocks = Vec::with_capacity(history.blocks.len());
        for block in &history.blocks {
            let VisitBlock { regions, brands, categories, places, at_least } = block.clone();
            let meant = General { regions, brands, categories, places, ..General::default() };
            let places = gazetteer.stores_meant(&meant)?.into_iter().map(PlaceId).collect();
            blocks.push((places, at_least));
        }
        let days = jiff::Span::new().days(i64::from(history.days));
        let first = today.checked_sub(days).unwrap_or(Date::MIN);
        let span = (starts_at(first, zone), starts_at(today, zone));
        let days = (first, today.yesterday().unwrap_or(Date::MIN));
        Ok(Self { account, span, days, blocks })
    }

    /// What the location of all who were there is used for; `segment` where there is one.
    #[must_use]
    pub fn used(&self, segment: Option<u32>) -> Used {
        let purpose = if segment.is_some() { Purpose::Segment } else { Purpose::SegmentPreview };
        let (from, to) = (Some(self.days.0.to_string()), Some(self.days.1.to_string()));
        Used { purpose, device: None, about: About { segment, from, to, ..About::default() } }
    }

    /// The devices, by their keyed hash, ascending. Blocks on the disk.
    ///
    /// # Errors
    /// [`FiguresError`] if the visits can't be read.
    pub fn devices(&self, figures: &Figures) -> Result<Vec<u64>, FiguresError> {
        let mut found = BTreeSet::new();
        for (places, at_least) in &self.blocks {
            let mut visits: HashMap<u64, u32> = HashMap::new();
            for place in places {
                figures.visits((self.account, *place), self.span, |device, _visit| {
                    *visits.entry(device).or_default() += 1;
                })?;
            }
            let often = visits.into_iter().filter(|(_, count)| count >= at_least);
            found.extend(often.map(|(device, _)| device));
        }
        Ok(found.into_iter().collect())
    }
}
