//! Lots, drawn from a seed: the same seed gives the same month.

/// A plain generator: splitmix64 (G. L. Steele, D. Lea, C. H. Flood, Fast splittable pseudorandom number generators,
/// OOPSLA 2014).
pub(crate) struct Lots(u64);

impl Lots {
    /// Those of one device in one part of the month.
    pub(crate) fn of(seed: u64, device: u64, part: u64) -> Self {
        let mut mixed = Self(seed);
        for more in [device, part] {
            mixed = Self(mixed.next() ^ more.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        }
        mixed
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// At least `from`, and less than `until`.
    pub(crate) fn between(&mut self, from: i64, until: i64) -> i64 {
        let width = (until - from).cast_unsigned();
        from + (self.next() % width).cast_signed()
    }

    pub(crate) fn per_mille(&mut self, chance: u64) -> bool {
        self.next() % 1000 < chance
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let many = i64::try_from(of.len()).unwrap();
        of[usize::try_from(self.between(0, many)).unwrap()]
    }
}
