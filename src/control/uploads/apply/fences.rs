//! Geofences of a group.

use super::addresses::located;
use super::batch::Applies;
use crate::control::desk::Desk;
use crate::control::documents::Geofence;
use crate::control::imports::rows::fences::{FenceRow, FenceSite};
use crate::control::refusal::Refusal;
use crate::control::shape::FenceShape;

/// Fills a group.
#[derive(Clone)]
pub(in crate::control::uploads) struct Fences {
    pub(in crate::control::uploads) group: u32,
}

impl Applies for Fences {
    type Row = FenceRow;

    fn number(row: &FenceRow) -> u64 {
        row.row
    }

    fn apply(&mut self, desk: &mut Desk<'_>, row: FenceRow) -> Result<(), Refusal> {
        let shape = match row.site {
            FenceSite::Drawn(shape) => shape,
            FenceSite::NeedsGeocoding { radius_m, .. } => {
                let addresses = [row.road_address.as_deref(), row.lot_address.as_deref()];
                let (lat, lon) = located(desk, addresses)?;
                FenceShape::Circle { lat, lon, radius_m }
            }
        };
        let geofence = Geofence {
            name: row.name,
            description: row.description.unwrap_or_default(),
            client_code: row.client_code.unwrap_or_default(),
            shape,
            group: Some(self.group),
            lot_address: row.lot_address.unwrap_or_default(),
            road_address: row.road_address.unwrap_or_default(),
            postcode: row.postcode.unwrap_or_default(),
            phone: row.phone.unwrap_or_default(),
        };
        desk.put_imported(None, &geofence)?;
        Ok(())
    }
}
