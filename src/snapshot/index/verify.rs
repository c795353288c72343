//! Checks a block that someone else may have written, once, so that looking up needs no further care.
//!
//! It proves that every entry leads down a tree of bounded depth to a leaf whose tests lie within the cells,
//! that groups and lists lie within their arrays, and that the ids of each ascend and are named once. It does not
//! prove that the answers are right: for that a block is trusted, or signed.

use hashbrown::HashMap;
use rkyv::primitive::ArchivedU32;

use super::block::{
    ArchivedTileBlock, CIRCLE_WORDS, GROUP_HEAD_WORDS, LEAF_HEAD_WORDS, LEAF_UNIT, LeafHead,
    MASK_BITS, MAX_SHIFT, NODE_UNIT, PolygonHead, fan_bits,
};

/// What is wrong with a block. A file with one was damaged or forged; build the snapshot again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("index tile: {what} at {at} is not valid; build the snapshot again")]
pub struct BadIndex {
    /// Which array or rule.
    pub what: &'static str,
    /// Where in it.
    pub at: usize,
}

/// Accepts a tile for look-ups.
///
/// # Errors
/// [`BadIndex`] with the first thing found wrong.
pub fn verify(block: &ArchivedTileBlock) -> Result<(), BadIndex> {
    verify_ids(block)?;
    verify_root(block)?;
    let mut nodes = Nodes {
        block,
        seen: vec![false; block.nodes.len() / NODE_UNIT],
        undecided: verify_groups(block)?,
    };
    nodes.check_leaf(0)?;
    for (slot, entry) in block.root.iter().enumerate() {
        nodes.check_entry(entry.to_native(), block.root_shift.to_native(), slot)?;
    }
    Ok(())
}

/// Both lists ascend and share nothing.
fn verify_ids(block: &ArchivedTileBlock) -> Result<(), BadIndex> {
    for (what, ids) in
        [("the order of members", &block.members), ("the order of the base", &block.base)]
    {
        if let Some(at) = first_unsorted(ids) {
            return Err(BadIndex { what, at });
        }
    }
    let held = |id: &ArchivedU32| block.base.binary_search_by_key(&id.to_native(), native).is_ok();
    block
        .members
        .iter()
        .position(held)
        .map_or(Ok(()), |at| Err(BadIndex { what: "the member, which is in the base too", at }))
}

fn first_unsorted(ids: &[ArchivedU32]) -> Option<usize> {
    ids.windows(2).position(|pair| pair[0].to_native() >= pair[1].to_native())
}

fn verify_root(block: &ArchivedTileBlock) -> Result<(), BadIndex> {
    let shift = block.root_shift.to_native();
    if shift > MAX_SHIFT {
        return Err(BadIndex { what: "the root's shift", at: shift as usize });
    }
    let [columns, rows] = block.root_size.map(|size| u64::from(size.to_native()));
    if u64::try_from(block.root.len()) != Ok(columns * rows) {
        return Err(BadIndex { what: "the root's size", at: block.root.len() });
    }
    Ok(())
}

/// The walk over all nodes. Each is reached once, so a forged block cannot make it long.
struct Nodes<'s> {
    block: &'s ArchivedTileBlock,
    seen: Vec<bool>,
    /// As [`verify_groups`] gives it.
    undecided: Vec<u32>,
}

impl Nodes<'_> {
    /// Checks what an entry leads to. `shift` is that of the cell it stands for; each level takes at least two
    /// bits of it, which bounds the depth.
    fn check_entry(&mut self, entry: u32, shift: u32, at: usize) -> Result<(), BadIndex> {
        let (kind, offset) = (entry & 3, (entry >> 2) as usize);
        if kind == 0 {
            return self.check_leaf(offset);
        }
        let bad = BadIndex { what: "the node entered", at };
        let Some(below) = shift.checked_sub(fan_bits(kind)) else { return Err(bad) };
        let first = offset * NODE_UNIT;
        let count = 1usize << (2 * fan_bits(kind));
        let Some(children) = self.block.nodes.get(first..first + count) else { return Err(bad) };
        for unit in offset..offset + count / NODE_UNIT {
            match self.seen.get_mut(unit) {
                Some(seen) if !*seen => *seen = true,
                Some(_) | None => return Err(bad),
            }
        }
        for (child, entry) in children.iter().enumerate() {
            self.check_entry(entry.to_native(), below, first + child)?;
        }
        Ok(())
    }

    fn check_leaf(&mut self, unit: usize) -> Result<(), BadIndex> {
        let at = unit * LEAF_UNIT;
        let bad = |what| BadIndex { what, at };
        let leaf = self.block.cells.get(at..).unwrap_or_default();
        let Some((head_words, tests)) = leaf.split_at_checked(LEAF_HEAD_WORDS) else {
            return Err(bad("the leaf"));
        };
        let head = LeafHead::unpack(head_words[1].to_native());
        let undecided = self.undecided.get(head_words[0].to_native() as usize);
        let undecided =
            *undecided.filter(|count| **count != NO_GROUP).ok_or(bad("the group of leaf"))?;
        if head.circles == LeafHead::WIDE {
            return Ok(());
        }
        if undecided as usize > MASK_BITS || head.shift > MAX_SHIFT {
            return Err(bad("the head of leaf"));
        }
        check_tests(tests, head).ok_or(bad("the tests of leaf"))
    }
}

fn check_tests(tests: &[ArchivedU32], head: LeafHead) -> Option<()> {
    let mut rest = tests.get(head.circles as usize * CIRCLE_WORDS..)?;
    for _ in 0..head.polygons {
        let (first, tail) = rest.split_first()?;
        rest = tail.get(PolygonHead::unpack(first.to_native()).tail_words()..)?;
    }
    Some(())
}

/// Checks lists and groups, each a row of records that follow one another: a group lies within its array, its ids
/// and those of its list ascend and share nothing. Gives how many targets the group that starts at a word leaves
/// undecided, [`NO_GROUP`] for a word where none starts.
fn verify_groups(block: &ArchivedTileBlock) -> Result<Vec<u32>, BadIndex> {
    let mut lists: HashMap<u32, &[ArchivedU32], foldhash::fast::RandomState> = HashMap::default();
    let mut at = 0;
    while at < block.lists.len() {
        let record = block.lists.get(at..).and_then(|rest| counted(rest, 1));
        let sound = record.filter(|ids| first_unsorted(ids).is_none());
        let ids = sound.ok_or(BadIndex { what: "the list", at })?;
        lists.insert(u32::try_from(at).unwrap_or(u32::MAX), ids);
        at += 1 + ids.len();
    }
    let mut undecided = vec![NO_GROUP; block.groups.len()];
    let mut at = 0;
    while at < block.groups.len() {
        let bad = BadIndex { what: "the group", at };
        let record = block.groups.get(at..).and_then(|rest| counted(rest, GROUP_HEAD_WORDS));
        let ids = record.filter(|ids| first_unsorted(ids).is_none()).ok_or(bad.clone())?;
        let list = block.groups.get(at).and_then(|list| lists.get(&list.to_native()));
        let list = list.ok_or(bad.clone())?;
        let listed = |id: &ArchivedU32| list.binary_search_by_key(&id.to_native(), native).is_ok();
        if ids.iter().any(listed) {
            return Err(bad);
        }
        undecided[at] = u32::try_from(ids.len()).unwrap_or(NO_GROUP - 1);
        at += GROUP_HEAD_WORDS + ids.len();
    }
    Ok(undecided)
}

/// No group has so many.
const NO_GROUP: u32 = u32::MAX;

/// The ids of a record: the last word of its head says how many.
fn counted(record: &[ArchivedU32], head: usize) -> Option<&[ArchivedU32]> {
    let count = record.get(head - 1)?.to_native() as usize;
    record.get(head..head.checked_add(count)?)
}

fn native(id: &ArchivedU32) -> u32 {
    id.to_native()
}
