//! The blocks of an account's targets: their directory, who watches them, and what the index is built from.

use crate::domain::ids::TargetId;
use crate::domain::target::{Shape, TargetSpec};
use crate::snapshot::blocks::{IdTable, TargetRow, TargetsBlock, WatchBlock};

use super::compile::BuildError;
use super::group::Group;

/// Bumped when the same targets would give another index: then it is built again, not carried over.
const INDEX_SOURCE_VERSION: u64 = 1;

/// A direct table may be so many times longer than the list of ids. At 4 bytes an entry that is at most
/// 16 bytes a row, for a look-up that touches one cache line.
const DIRECT_UP_TO: usize = 4;

/// Bytes gathered before they are hashed: BLAKE3 is fast on long stretches only.
const HASH_CHUNK: usize = 64 << 10;

/// Keys, names and places of all targets.
///
/// # Errors
/// When the texts exceed 4 GiB.
pub(super) fn directory(group: &Group<'_>) -> Result<TargetsBlock, BuildError> {
    let mut block = TargetsBlock::default();
    block.rows.reserve_exact(group.targets.len());
    let bytes = group.targets.iter().map(|target| target.key.len() + target.name.len()).sum();
    block.text.reserve_exact(bytes);
    let too_long = BuildError::TextsTooLong { account: group.account.id, bytes };
    let _fits = u32::try_from(bytes).map_err(|_too_large| too_long)?;
    for target in &group.targets {
        let key_start = offset(&block.text);
        block.text.push_str(&target.key);
        let name_start = offset(&block.text);
        block.text.push_str(&target.name);
        block.rows.push(TargetRow {
            id: target.id.0,
            key_start,
            name_start,
            name_end: offset(&block.text),
            place: target.place.map_or(0, |(place, _)| place.0),
            area: target.place.map_or(0, |(_, area)| area as u8),
        });
    }
    Ok(block)
}

/// The targets that count: those of campaigns, and all where visits are measured.
pub(super) fn watch(group: &Group<'_>) -> WatchBlock {
    let mut pairs: Vec<(TargetId, u32)> = Vec::new();
    for (row, campaign) in (0..).zip(&group.campaigns) {
        pairs.extend(campaign.targets.iter().map(|target| (*target, row)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    let mut ids: Vec<TargetId> = pairs.iter().map(|(target, _)| *target).collect();
    if group.account.measure_visits {
        ids.extend(group.targets.iter().map(|target| target.id));
        ids.sort_unstable();
    }
    ids.dedup();
    let target_rows = ids.iter().map(|id| row_of(group, *id)).collect();
    let first = ids.iter().map(|id| pairs.partition_point(|pair| pair.0 < *id));
    let first = first.chain([pairs.len()]).map(count).collect();
    WatchBlock {
        places: places(group, &ids),
        targets: id_table(ids.iter().map(|id| id.0).collect()),
        target_rows,
        first,
        campaigns: pairs.into_iter().map(|(_, row)| row).collect(),
    }
}

/// The watched targets with their shapes, for the index.
pub(super) fn shapes<'a>(group: &Group<'a>, watch: &WatchBlock) -> Vec<(TargetId, &'a Shape)> {
    let rows = watch.targets.ids.iter().zip(&watch.target_rows);
    rows.map(|(id, row)| {
        let target = usize::try_from(*row).ok().and_then(|row| group.targets.get(row));
        (TargetId(*id), target.map_or(&Shape::Everywhere, |target: &&TargetSpec| &target.shape))
    })
    .collect()
}

/// The digest of what an index is built from.
pub(super) fn source_digest(shapes: &[(TargetId, &Shape)]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut chunk: Vec<u8> = Vec::with_capacity(HASH_CHUNK + 64);
    let mut word = |value: u64| {
        chunk.extend_from_slice(&value.to_le_bytes());
        if chunk.len() >= HASH_CHUNK {
            hasher.update(&chunk);
            chunk.clear();
        }
    };
    word(INDEX_SOURCE_VERSION);
    for (id, shape) in shapes {
        word(u64::from(id.0));
        match shape {
            Shape::Circle { center, radius_m } => {
                word(1);
                word(i64::from(center.lat).cast_unsigned());
                word(i64::from(center.lon).cast_unsigned());
                word(radius_m.to_bits());
            }
            Shape::Polygon { rings } => {
                word(2);
                word(rings.len() as u64);
                for ring in rings {
                    word(ring.0.len() as u64);
                    for vertex in &ring.0 {
                        word(vertex.lat.cast_unsigned());
                        word(vertex.lon.cast_unsigned());
                    }
                }
            }
            Shape::Everywhere => word(3),
        }
    }
    hasher.update(&chunk);
    *hasher.finalize().as_bytes()
}

/// Ids in ascending order with their direct table, where they are dense enough for one.
pub(super) fn id_table(ids: Vec<u32>) -> IdTable {
    IdTable { direct: direct_table(&ids), ids }
}

/// Row + 1 by id. The highest possible id, which every nationwide campaign's target has, stays outside.
pub(in crate::snapshot) fn direct_table(ids: &[u32]) -> Vec<u32> {
    let dense = match ids {
        [dense @ .., u32::MAX] => dense,
        all => all,
    };
    let len = dense.last().map_or(0, |last| index(*last) + 1);
    if len > dense.len() * DIRECT_UP_TO {
        return Vec::new();
    }
    let mut direct = vec![0; len];
    for (row, id) in (1..).zip(dense) {
        direct[index(*id)] = row;
    }
    direct
}

fn places(group: &Group<'_>, watched: &[TargetId]) -> Vec<(u32, u32)> {
    let place = |(row, id): (u32, &TargetId)| {
        let target = group.targets.get(index(row_of(group, *id)))?;
        target.place.map(|(place, _)| (place.0, row))
    };
    let mut places: Vec<(u32, u32)> = (0..).zip(watched).filter_map(place).collect();
    places.sort_unstable();
    places
}

/// The row of a target; `u32::MAX` for the one that contains every fix.
fn row_of(group: &Group<'_>, id: TargetId) -> u32 {
    group.targets.binary_search_by_key(&id, |target| target.id).map_or(u32::MAX, count)
}

/// Rows are fewer than ids, and ids have 32 bits; texts are checked before they are gathered.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn offset(text: &str) -> u32 {
    count(text.len())
}

fn index(number: u32) -> usize {
    number as usize
}
