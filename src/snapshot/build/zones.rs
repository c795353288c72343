//! Time zones over the compiled span: each is compiled once, however many accounts are in it.

use std::collections::HashMap;

use jiff::civil::Date;

use super::built::Encoded;
use super::error::BuildError;
use super::keep::keep;
use crate::domain::ids::AccountId;
use crate::snapshot::calendar::Zone;

/// The zones met so far.
#[derive(Debug)]
pub(super) struct Zones {
    valid_from: Date,
    known: HashMap<String, Compiled>,
}

/// A zone, and the name of its calendar's block.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) zone: Zone,
    pub(super) calendar: [u8; 32],
}

impl Zones {
    /// From this local day on.
    pub(super) fn from(valid_from: Date) -> Self {
        Self { valid_from, known: HashMap::new() }
    }

    /// The zone of an account.
    ///
    /// # Errors
    /// When it is not known, or the day is at the edge of time.
    pub(super) fn of(
        &mut self,
        account: AccountId,
        name: &str,
        made: &mut Vec<Encoded>,
    ) -> Result<Compiled, BuildError> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let zone = Zone::new(name, self.valid_from)
            .map_err(|reason| BuildError::Zone { account, reason })?;
        let calendar = keep(&zone.calendar(), made)?;
        let compiled = Compiled { zone, calendar };
        self.known.insert(name.to_owned(), compiled.clone());
        Ok(compiled)
    }
}
