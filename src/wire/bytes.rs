//! Little-endian fields at fixed places of fixed-size arrays. The compiler turns each into one load.

/// Fields of a fixed-size record, read at constant offsets.
pub(super) trait Fields {
    fn u16_at(&self, at: usize) -> u16;
    fn u32_at(&self, at: usize) -> u32;
    fn i32_at(&self, at: usize) -> i32;
    fn u64_at(&self, at: usize) -> u64;
    fn i64_at(&self, at: usize) -> i64;
    fn id_at(&self, at: usize) -> [u8; 16];
}

/// Offsets are constants of the callers, within `N`; a wrong one fails the first test that runs.
impl<const N: usize> Fields for [u8; N] {
    #[inline]
    fn u16_at(&self, at: usize) -> u16 {
        u16::from_le_bytes(take(self, at))
    }
    #[inline]
    fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(take(self, at))
    }
    #[inline]
    fn i32_at(&self, at: usize) -> i32 {
        i32::from_le_bytes(take(self, at))
    }
    #[inline]
    fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(take(self, at))
    }
    #[inline]
    fn i64_at(&self, at: usize) -> i64 {
        i64::from_le_bytes(take(self, at))
    }
    #[inline]
    fn id_at(&self, at: usize) -> [u8; 16] {
        take(self, at)
    }
}

#[inline]
fn take<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&from[at..at + N]);
    field
}

/// Writes a field at a constant offset.
#[inline]
pub(super) fn put(into: &mut [u8], at: usize, field: &[u8]) {
    into[at..at + field.len()].copy_from_slice(field);
}

/// Whether reserved bytes are what they have to be.
pub(super) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
