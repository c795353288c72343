//! A stand-in for the encoder: an input is its sequence.

use geofenced::domain::ids::InputPosition;
use geofenced::domain::input::Input;

use crate::identity::Sealer;

pub(super) struct Encoder;

impl Encoder {
    pub(super) fn new(_sealer: Sealer) -> Self {
        Self
    }

    pub(super) fn append(&mut self, into: &mut Vec<u8>, position: InputPosition, _: &Input<'_>) {
        into.push(u8::try_from(position.seq.0).expect("few"));
    }

    pub(super) fn begin_commit(&mut self) {}
}
