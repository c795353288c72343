//! Addresses of the account's table.

use super::batch::Applies;
use crate::control::desk::Desk;
use crate::control::documents::{Address, Document as _};
use crate::control::imports::rows::addresses::AddressRow;
use crate::control::refusal::Refusal;
use crate::control::store::Kind;

/// Puts addresses in, in the place of those that are the same.
#[derive(Clone, Copy)]
pub(in crate::control::uploads) struct Addresses;

impl Applies for Addresses {
    type Row = AddressRow;

    fn number(row: &AddressRow) -> u64 {
        row.row
    }

    fn apply(&mut self, desk: &mut Desk<'_>, row: AddressRow) -> Result<(), Refusal> {
        let (lat, lon) = (row.lat, row.lon);
        for address in row.addresses {
            let address = Address { address, lat, lon };
            let there = desk.number_of(Kind::Address, &address.natural().unwrap_or_default())?;
            desk.put_imported(there, &address)?;
        }
        Ok(())
    }
}

/// Where an address is. It was in the table when the file was checked.
pub(in crate::control::uploads) fn located(
    desk: &mut Desk<'_>,
    addresses: [Option<&str>; 2],
) -> Result<(f64, f64), Refusal> {
    desk.locate(addresses)?.ok_or_else(|| {
        let address = addresses.into_iter().flatten().next().unwrap_or_default();
        let detail =
            format!("{address:?} was taken out of the address table while the file was read; send both again");
        Refusal::field("address", detail)
    })
}
