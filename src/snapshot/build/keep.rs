//! Contents become blocks with names. One that is equal to the block before keeps its name, and is neither archived
//! nor hashed.

use std::sync::Arc;

use rkyv::Portable;

use super::built::Encoded;
use super::error::BuildError;
use crate::snapshot::block::{Verified, Written};

/// Archives a content and gives its name.
///
/// # Errors
/// When it is too large for one block.
pub(super) fn keep<T: Written>(
    content: &T,
    made: &mut Vec<Encoded>,
) -> Result<[u8; 32], BuildError> {
    let block = Encoded::of(content)?;
    let hash = block.hash.0;
    made.push(block);
    Ok(hash)
}

/// Archives contents and gives their names.
///
/// # Errors
/// As [`keep`].
pub(super) fn keep_all<T: Written>(
    contents: impl IntoIterator<Item = T>,
    made: &mut Vec<Encoded>,
) -> Result<Vec<[u8; 32]>, BuildError> {
    contents.into_iter().map(|content| keep(&content, made)).collect()
}

/// The name of a content, which need not be made where a block is known to be the `same`.
///
/// # Errors
/// As [`keep`], or what making the content says.
pub(super) fn keep_upon<T: Written>(
    same: Option<&Arc<Verified<T>>>,
    content: impl FnOnce() -> Result<T, BuildError>,
    made: &mut Vec<Encoded>,
) -> Result<[u8; 32], BuildError>
where
    T::Archived: Portable,
{
    match same {
        Some(block) => Ok(block.hash().0),
        None => keep(&content()?, made),
    }
}
