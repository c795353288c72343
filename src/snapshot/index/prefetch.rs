//! Asking the processor for a cache line before it is needed. A hint: it changes no result.

/// Starts loading the line of `slice[at]`; nothing happens when there is no such element.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call would cost more than the instruction it hides")]
pub(crate) fn prefetch<T>(slice: &[T], at: usize) {
    prefetch_at(slice, at, 0);
}

/// Starts loading every line of `slice[at]`.
#[inline]
pub(crate) fn prefetch_lines<T>(slice: &[T], at: usize) {
    (0..size_of::<T>()).step_by(64).for_each(|byte| prefetch_at(slice, at, byte));
}

/// Starts loading the line that the `byte`th byte of `slice[at]` is in.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as above")]
fn prefetch_at<T>(slice: &[T], at: usize, byte: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = slice.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = std::ptr::from_ref(element).cast::<i8>().wrapping_add(byte);
        #[expect(unsafe_code, reason = "the intrinsic takes a raw pointer")]
        // SAFETY: a prefetch reads nothing the program can see, whatever the address; this one is of an element.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, at, byte);
}
