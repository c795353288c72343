//! A tile's block: flat arrays of words, archived as they are.
//!
//! Everything refers to everything else by its offset in one of these arrays, in words of 32 bits, so a block
//! can be read where it was loaded. The constants here are the format; [`layout`](super::layout) writes it,
//! [`view`](super::view) reads it, [`verify`](mod@super::verify) checks it.
//!
//! - **Entry** (in `root` and `nodes`): the low two bits are 0 for a leaf, whose offset in `cells` is the rest
//!   times [`LEAF_UNIT`]; else they give the node's fan ([`fan_bits`]) and the rest times [`NODE_UNIT`] is its
//!   offset in `nodes`, where its children lie row by row from the south-west.
//! - **Leaf** (in `cells`): group; [`LeafHead`]; the mask of the group's targets that contain the whole cell
//!   (two words); then circle tests of [`CIRCLE_WORDS`] and polygon tests, as [`leaf`](super::leaf) has them.
//! - **Group** (in `groups`): offset of its base list; number of undecided targets; their ids, ascending.
//! - **List** (in `lists`): length; target ids, ascending. Equal lists are stored once.

/// What contains the points of one tile. The cells come first, so that their place in an archive that starts at
/// a cache line starts at a cache line too.
#[derive(Clone, PartialEq, Debug, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[rkyv(derive(Debug))]
pub struct TileBlock {
    /// Leaves, each at a multiple of [`LEAF_UNIT`]; the first is for points of the tile outside the root.
    pub cells: Vec<u32>,
    /// Nodes, each at a multiple of [`NODE_UNIT`].
    pub nodes: Vec<u32>,
    /// The dense root, row by row from the south-west.
    pub root: Vec<u32>,
    /// Groups of undecided targets.
    pub groups: Vec<u32>,
    /// Interned lists of target ids.
    pub lists: Vec<u32>,
    /// The targets whose border crosses the tile, ascending.
    pub members: Vec<u32>,
    /// Those that contain all of it, ascending.
    pub base: Vec<u32>,
    /// Root cells are 2^`root_shift` coordinate units wide and high.
    pub root_shift: u32,
    /// The root's first column and row.
    pub root_at: [u32; 2],
    /// The root's width and height in cells.
    pub root_size: [u32; 2],
}

/// Leaves start at multiples of so many words.
pub const LEAF_UNIT: usize = 4;
/// Nodes start at multiples of so many words.
pub const NODE_UNIT: usize = 16;
/// Words before a leaf's tests.
pub const LEAF_HEAD_WORDS: usize = 4;
/// Words of a circle test.
pub const CIRCLE_WORDS: usize = 4;
/// Words of a polygon test's edge.
pub const EDGE_WORDS: usize = 4;
/// Words before a group's undecided targets.
pub const GROUP_HEAD_WORDS: usize = 2;
/// How many targets of a group a mask can tell apart.
pub const MASK_BITS: usize = 64;
/// Root cells are at most this large, so that offsets within a cell fit an `i32` with room.
pub const MAX_SHIFT: u32 = 29;

/// How many bits of each coordinate a node of this kind (an entry's low two bits, 1 to 3) consumes.
#[must_use]
pub const fn fan_bits(kind: u32) -> u32 {
    kind + 1
}

/// The second word of a leaf: `shift` (5 bits: the cell is 2^shift wide), circle tests (7 bits), polygon
/// tests (7 bits), length of the group's base list (13 bits).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeafHead {
    /// The cell is 2^`shift` wide and high.
    pub shift: u32,
    /// How many circle tests follow, or [`LeafHead::WIDE`].
    pub circles: u32,
    /// How many polygon tests follow those.
    pub polygons: u32,
    /// How many targets contain the whole group, or [`LeafHead::MANY`].
    pub base: u32,
}

impl LeafHead {
    /// In place of the circles: more than [`MASK_BITS`] targets are undecided in this cell, so a point's
    /// result is the point itself and its targets are found by testing all of the group's.
    pub const WIDE: u32 = 127;
    /// In place of the base: too many for this field, the list's own length counts.
    pub const MANY: u32 = (1 << 13) - 1;

    /// As a word.
    #[must_use]
    pub const fn pack(self) -> u32 {
        self.shift | self.circles << 5 | self.polygons << 12 | self.base << 19
    }

    /// From its word.
    #[inline]
    #[must_use]
    pub const fn unpack(word: u32) -> Self {
        Self {
            shift: word & 31,
            circles: word >> 5 & 127,
            polygons: word >> 12 & 127,
            base: word >> 19,
        }
    }
}

/// The first word of a polygon test: bit in the mask (6 bits), whether the cell's south-west corner is inside
/// (1 bit), how many flips (11 bits) and edges (14 bits) follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PolygonHead {
    /// The target's bit in the mask.
    pub bit: u32,
    /// Whether the south-west corner is inside.
    pub corner: bool,
    /// How often that changes along the cell's west border.
    pub flips: u32,
    /// How many edges cross the cell, or [`PolygonHead::WHOLE`].
    pub edges: u32,
}

impl PolygonHead {
    /// In place of the edges: the polygon does not fit this form here and is tested whole.
    pub const WHOLE: u32 = (1 << 14) - 1;
    /// So many flips and more do not fit.
    pub const FLIPS_LIMIT: u32 = 1 << 11;

    /// As a word.
    #[must_use]
    pub const fn pack(self) -> u32 {
        self.bit | (self.corner as u32) << 6 | self.flips << 7 | self.edges << 18
    }

    /// From its word.
    #[inline]
    #[must_use]
    pub const fn unpack(word: u32) -> Self {
        Self {
            bit: word & 63,
            corner: word >> 6 & 1 == 1,
            flips: word >> 7 & (Self::FLIPS_LIMIT - 1),
            edges: word >> 18,
        }
    }

    /// How many words follow this one.
    #[inline]
    #[must_use]
    pub const fn tail_words(self) -> usize {
        if self.edges == Self::WHOLE {
            0
        } else {
            self.flips as usize + EDGE_WORDS * self.edges as usize
        }
    }
}
