//! The block under construction: appends leaves, nodes, groups and lists, equal ones once.

use std::hash::BuildHasher;

use hashbrown::{HashMap, HashTable};

use super::block::{LEAF_HEAD_WORDS, LEAF_UNIT, LeafHead, NODE_UNIT, TileBlock, fan_bits};

/// Words of a cache line: a leaf that fits one does not straddle two.
const LINE_WORDS: usize = 16;

/// A group as leaves refer to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub offset: u32,
    /// How many targets contain all of it.
    pub base: u32,
}

/// A leaf to be appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf<'a> {
    pub group: Group,
    pub shift: u32,
    pub circles: u32,
    pub polygons: u32,
    pub mask: u64,
    /// The words of its tests, circles first.
    pub tests: &'a [u32],
}

/// The arrays so far, and where equal contents are.
#[derive(Default)]
pub(super) struct Layout {
    pub block: TileBlock,
    lists: HashTable<u32>,
    /// Groups without undecided targets, by their list.
    settled: HashMap<u32, u32, foldhash::fast::FixedState>,
    /// Leaves without tests, by group and mask.
    plain: HashMap<(u32, u64), u32, foldhash::fast::FixedState>,
}

/// An array outgrew the format's 32-bit offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Layout {
    /// The group of these ascending lists.
    pub(super) fn group(&mut self, base: &[u32], undecided: &[u32]) -> Result<Group, Full> {
        let list = self.list(base)?;
        let base = u32::try_from(base.len()).map_err(|_too_many| Full)?;
        if undecided.is_empty()
            && let Some(&offset) = self.settled.get(&list)
        {
            return Ok(Group { offset, base });
        }
        let offset = offset_below(self.block.groups.len(), GROUPS_LIMIT)?;
        self.block.groups.push(list);
        self.block.groups.push(u32::try_from(undecided.len()).map_err(|_too_many| Full)?);
        self.block.groups.extend_from_slice(undecided);
        if undecided.is_empty() {
            self.settled.insert(list, offset);
        }
        Ok(Group { offset, base })
    }

    /// The entry of a leaf.
    pub(super) fn leaf(&mut self, leaf: Leaf<'_>) -> Result<u32, Full> {
        let key = (leaf.group.offset, leaf.mask);
        let is_plain = leaf.circles == 0 && leaf.polygons == 0;
        if is_plain && let Some(&entry) = self.plain.get(&key) {
            return Ok(entry);
        }
        let length = LEAF_HEAD_WORDS + leaf.tests.len();
        let cells = &mut self.block.cells;
        let within = cells.len() % LINE_WORDS;
        if length <= LINE_WORDS && within + length > LINE_WORDS {
            cells.resize(cells.len() + LINE_WORDS - within, 0);
        }
        let entry = offset_below(cells.len() / LEAF_UNIT, ENTRY_LIMIT)? << 2;
        let head = LeafHead {
            shift: leaf.shift,
            circles: leaf.circles,
            polygons: leaf.polygons,
            base: leaf.group.base.min(LeafHead::MANY),
        };
        let (low, high) = (leaf.mask & u64::from(u32::MAX), leaf.mask >> 32);
        cells.push(leaf.group.offset);
        cells.push(head.pack());
        cells.extend([low, high].map(|half| u32::try_from(half).unwrap_or_default()));
        cells.extend_from_slice(leaf.tests);
        cells.resize(cells.len().next_multiple_of(LEAF_UNIT), 0);
        if is_plain {
            self.plain.insert(key, entry);
        }
        Ok(entry)
    }

    /// Makes room for a node's children, to be filled by [`set_child`](Self::set_child); returns its entry.
    pub(super) fn node(&mut self, kind: u32) -> Result<u32, Full> {
        let nodes = &mut self.block.nodes;
        let offset = offset_below(nodes.len() / NODE_UNIT, ENTRY_LIMIT)?;
        nodes.resize(nodes.len() + (1 << (2 * fan_bits(kind))), 0);
        Ok(offset << 2 | kind)
    }

    /// Sets the entry of a node's child, counted row by row.
    pub(super) fn set_child(&mut self, node: u32, child: usize, entry: u32) {
        self.block.nodes[(node >> 2) as usize * NODE_UNIT + child] = entry;
    }

    /// Forgets leaves that only the group just finished could share.
    pub(super) fn end_group(&mut self) {
        if self.plain.len() > PLAIN_LIMIT {
            self.plain.clear();
        }
    }

    /// How many words the look-up structure has so far.
    pub(super) fn words(&self) -> usize {
        let block = &self.block;
        block.cells.len() + block.nodes.len() + block.groups.len() + block.lists.len()
    }

    fn list(&mut self, ids: &[u32]) -> Result<u32, Full> {
        let lists = &mut self.block.lists;
        let hasher = foldhash::fast::FixedState::default();
        let same = |&at: &u32| stored(lists, at) == ids;
        if let Some(&at) = self.lists.find(hasher.hash_one(ids), same) {
            return Ok(at);
        }
        let at = offset_below(lists.len(), u32::MAX)?;
        lists.push(u32::try_from(ids.len()).map_err(|_too_many| Full)?);
        lists.extend_from_slice(ids);
        let rehash = |&at: &u32| hasher.hash_one(stored(lists, at));
        self.lists.insert_unique(hasher.hash_one(ids), at, rehash);
        Ok(at)
    }
}

/// Entries keep 30 bits of an offset.
const ENTRY_LIMIT: u32 = 1 << 30;

/// A look-up's value keeps 31 bits of a group's offset, the last of which means none.
const GROUPS_LIMIT: u32 = (1 << 31) - 1;

/// How many plain leaves are remembered: 32 bytes each. Forgetting them costs a repeat, no more.
const PLAIN_LIMIT: usize = 1 << 20;

fn offset_below(offset: usize, limit: u32) -> Result<u32, Full> {
    u32::try_from(offset).ok().filter(|&offset| offset < limit).ok_or(Full)
}

fn stored(lists: &[u32], at: u32) -> &[u32] {
    let record = lists.get(at as usize..).unwrap_or_default();
    let length = record.first().map_or(0, |&length| length as usize);
    record.get(1..1 + length).unwrap_or_default()
}
