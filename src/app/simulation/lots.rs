//! Lots: every choice of a run, out of its seed.

use crate::journal::sim_disk::Random;

/// A source of choices.
pub(super) struct Lots(Random);

impl Lots {
    pub(super) fn of(seed: u64) -> Self {
        // Seeds are small numbers in a row; the generator wants well mixed bits, and never none (splitmix64).
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(Random((mixed ^ (mixed >> 31)) | 1))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The low bits of the generator are its weakest.
        (self.0.next() >> 11) % bound
    }

    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a usize")
    }
}
