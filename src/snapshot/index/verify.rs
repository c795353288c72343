//! Checks a block that someone else may have written, once, so that looking up needs no further care.
//!
//! It proves that every entry leads down a tree of bounded depth to a leaf whose tests lie within the cells,
//! that groups and lists lie within their arrays, and that ids ascend. It does not prove that the
//! answers are right: for that a block is trusted, or signed.

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
    let mut nodes = Nodes { block, seen: vec![false; block.nodes.len() / NODE_UNIT] };
    check_leaf(block, 0)?;
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
        let unsorted = ids.windows(2).position(|pair| pair[0].to_native() >= pair[1].to_native());
        if let Some(at) = unsorted {
            return Err(BadIndex { what, at });
        }
    }
    Ok(())
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
}

impl Nodes<'_> {
    /// Checks what an entry leads to. `shift` is that of the cell it stands for; each level takes at least two
    /// bits of it, which bounds the depth.
    fn check_entry(&mut self, entry: u32, shift: u32, at: usize) -> Result<(), BadIndex> {
        let (kind, offset) = (entry & 3, (entry >> 2) as usize);
        if kind == 0 {
            return check_leaf(self.block, offset);
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
}

fn check_leaf(block: &ArchivedTileBlock, unit: usize) -> Result<(), BadIndex> {
    let at = unit * LEAF_UNIT;
    let bad = |what| BadIndex { what, at };
    let leaf = block.cells.get(at..).unwrap_or_default();
    let Some((head_words, tests)) = leaf.split_at_checked(LEAF_HEAD_WORDS) else {
        return Err(bad("the leaf"));
    };
    let head = LeafHead::unpack(head_words[1].to_native());
    let undecided =
        check_group(block, head_words[0].to_native()).ok_or(bad("the group of leaf"))?;
    if head.circles == LeafHead::WIDE {
        return Ok(());
    }
    if undecided > MASK_BITS || head.shift > MAX_SHIFT {
        return Err(bad("the head of leaf"));
    }
    check_tests(tests, head).ok_or(bad("the tests of leaf"))
}

fn check_tests(tests: &[ArchivedU32], head: LeafHead) -> Option<()> {
    let mut rest = tests.get(head.circles as usize * CIRCLE_WORDS..)?;
    for _ in 0..head.polygons {
        let (first, tail) = rest.split_first()?;
        rest = tail.get(PolygonHead::unpack(first.to_native()).tail_words()..)?;
    }
    Some(())
}

/// How many targets a group leaves undecided, if it and its list lie within their arrays.
fn check_group(block: &ArchivedTileBlock, group: u32) -> Option<usize> {
    let record = block.groups.get(group as usize..)?;
    let (list, count) = (record.first()?.to_native(), record.get(1)?.to_native() as usize);
    record.get(GROUP_HEAD_WORDS..GROUP_HEAD_WORDS.checked_add(count)?)?;
    let list = block.lists.get(list as usize..)?;
    let length = list.first()?.to_native() as usize;
    list.get(1..length.checked_add(1)?)?;
    Some(count)
}
