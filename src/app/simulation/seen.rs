//! What the outbox has shown. What it has shown once it can't take back.

use super::hardware::Hardware;
use crate::outbox::codec;

/// Records as they are written, by offset from 1.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) records: Vec<Vec<u8>>,
}

impl Seen {
    pub(super) fn take(&mut self, hardware: &Hardware, newest: u64) {
        for (offset, bytes) in hardware.rows.records() {
            let place = usize::try_from(offset).expect("a few") - 1;
            match self.records.get(place) {
                Some(before) => assert_eq!(before, &bytes, "a record that was shown has changed"),
                None if offset > newest => {}
                None => {
                    assert_eq!(place, self.records.len(), "offsets have no gap");
                    let record = codec::decode(&bytes).expect("what was written is a record");
                    // By the devices' time, which no step of the system's clock moves.
                    let now = hardware.true_time();
                    assert!(record.at <= now, "it is {now:?}, and comes too early: {record:?}");
                    self.records.push(bytes);
                }
            }
        }
    }
}
