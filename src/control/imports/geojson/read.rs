//! The way in: a file, within its bounds.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use serde::Deserializer as _;

use super::collection::Collection;
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::Kind;
use crate::control::imports::error::ImportError;
use crate::control::imports::rows::record::Record;
use crate::control::imports::table::meter::Meter;
use crate::control::imports::watch::Watch;

const FORMAT: &str = "GeoJSON";

/// The longest feature: the coast of a province in full detail is about as long. While it is read, it takes up to eight
/// times as much memory.
const FEATURE_BYTES: u64 = 24 * 1024 * 1024;

/// Takes features one by one; a break ends reading without an error.
pub type TakeFeature<'t> = &'t mut dyn FnMut(Record<'_>) -> ControlFlow<()>;

/// Reads a file of `length` bytes. A feature's number counts from 1.
///
/// # Errors
/// Why the file is refused; features before that have been handed on.
pub fn features(
    mut file: impl Read + Seek,
    (kind, bounds): (Kind, &Bounds),
    watch: &mut Watch<'_>,
    take: TakeFeature<'_>,
) -> Result<(), ImportError> {
    let length = file.seek(SeekFrom::End(0))?;
    skip_mark(&mut file)?;
    let (counted, tally) = Meter::new(file);
    tally.allow(FEATURE_BYTES);
    let progress = (tally.clone(), FEATURE_BYTES, length);
    let mut collection = Collection::new((kind, bounds.rows), watch, take, progress);
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(counted));
    let read = json.deserialize_map(&mut collection).and_then(|()| json.end());
    match (collection.ended.take(), read) {
        (Some(Ok(())), _) => Ok(()),
        (Some(Err(error)), _) => Err(error),
        (None, Ok(())) => collection.finish(),
        (None, Err(_)) if tally.is_spent() => {
            let what = format!("a feature of more than {FEATURE_BYTES} bytes");
            Err(ImportError::Broken { format: FORMAT, reason: what })
        }
        (None, Err(error)) => Err(ImportError::broken(FORMAT, error)),
    }
}

/// Goes to the start, behind the byte-order mark that editors on Windows put there.
fn skip_mark(file: &mut (impl Read + Seek)) -> Result<(), ImportError> {
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    file.by_ref().take(3).read_to_end(&mut start)?;
    let behind = if start == b"\xEF\xBB\xBF" { 3 } else { 0 };
    file.seek(SeekFrom::Start(behind))?;
    Ok(())
}
