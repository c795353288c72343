//! Frames: the decoder against the slow one, frame by frame, under the limits that the first byte picks.
#![no_main]

use geofenced_fuzz::plain::compare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&pick, frames)) = bytes.split_first() else { return };
    compare(frames, if pick == 0 { 4096 } else { usize::from(pick) });
});
