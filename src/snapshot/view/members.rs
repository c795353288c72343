//! Membership in a sorted list of hashes.

use rkyv::rend::unaligned::u64_ule;

/// Once so few are left, stepping beats guessing.
const SHORT: usize = 16;

/// Whether `member` is in the ascending list. Hashes are spread evenly, so its place is guessed by
/// proportion; after a few guesses that fail to narrow (a hostile list need not be even) halving takes over.
#[must_use]
pub(crate) fn has(sorted: &[u64_ule], member: u64) -> bool {
    let mut rest = sorted;
    for _ in 0..GUESSES {
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return false };
        let (first, last) = (first.to_native(), last.to_native());
        if member < first || member > last {
            return false;
        }
        if rest.len() <= SHORT {
            return rest.iter().any(|one| one.to_native() == member);
        }
        let at = proportion(member - first, last - first, rest.len());
        let Some(guessed) = rest.get(at) else { return false };
        match guessed.to_native().cmp(&member) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest = rest.get(at + 1..).unwrap_or_default(),
            std::cmp::Ordering::Greater => rest = rest.get(..at).unwrap_or_default(),
        }
    }
    rest.binary_search_by_key(&member, |one| one.to_native()).is_ok()
}

/// How often to guess before halving: enough for the square-root law on 500,000 even hashes.
const GUESSES: usize = 8;

/// The position that `part` of `whole` has among `len`, at most `len − 1`.
fn proportion(part: u64, whole: u64, len: usize) -> usize {
    let scaled = u128::from(part) * (len as u128 - 1) / u128::from(whole.max(1));
    usize::try_from(scaled).unwrap_or(usize::MAX).min(len - 1)
}
