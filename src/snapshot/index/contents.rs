//! The blocks of the index as contents of a snapshot: what must hold in each.

use super::atlas::ArchivedAtlasBlock;
use super::block::ArchivedTileBlock;
use super::book::{ArchivedGeometryBlock, ArchivedShapesBlock, key_of};
use super::shapes::{self, CIRCLE, EVERYWHERE, POLYGON, ShapeView};
use super::verify::BadIndex;
use super::{AtlasBlock, GeometryBlock, ShapesBlock, TileBlock};
use crate::snapshot::block::{Content, ContentError};
use crate::snapshot::blocks::BlockKind;
use crate::snapshot::pages::Page;
use crate::snapshot::verify::{Checked, ascending, every, holds, offsets, same_len};

impl Content for TileBlock {
    const KIND: BlockKind = BlockKind::Tile;

    fn verify(block: &ArchivedTileBlock) -> Checked {
        let named = |bad: BadIndex| ContentError {
            array: bad.what,
            position: bad.at,
            rule: "is not valid",
        };
        super::verify(block).map_err(named)
    }

    fn count(block: &ArchivedTileBlock) -> usize {
        block.members.len()
    }
}

impl Content for AtlasBlock {
    const KIND: BlockKind = BlockKind::Atlas;

    fn verify(block: &ArchivedAtlasBlock) -> Checked {
        block.walk(|_, _, _| ())
    }

    fn count(block: &ArchivedAtlasBlock) -> usize {
        block.tiles.len()
    }
}

impl Content for ShapesBlock {
    const KIND: BlockKind = BlockKind::Shapes;

    fn verify(block: &ArchivedShapesBlock) -> Checked {
        let rows = block.ids.len();
        ascending("ids", block.ids.iter().map(|id| id.to_native()))?;
        same_len("kinds", block.kinds.len(), rows)?;
        same_len("shapes", block.shapes.len(), rows)?;
        same_len("sizes", block.sizes.len(), rows)?;
        let shapes = block.kinds.iter().zip(block.shapes.iter());
        every("shapes", shapes, "a circle, a polygon's name, or everywhere", |(kind, shape)| {
            match **kind {
                CIRCLE => is_circle(shape.map(|word| word.to_native())),
                POLYGON | EVERYWHERE => true,
                _ => false,
            }
        })
    }

    fn count(block: &ArchivedShapesBlock) -> usize {
        block.ids.len()
    }
}

fn is_circle(shape: [u32; 4]) -> bool {
    let radius = |view| match view {
        ShapeView::Circle { radius_m, .. } => Some(radius_m),
        ShapeView::Polygon(_) | ShapeView::Everywhere => None,
    };
    shapes::circle_of(shape).and_then(radius).is_some_and(|m| m > 0.0 && m.is_finite())
}

impl Page for ShapesBlock {
    fn ends(block: &ArchivedShapesBlock) -> Option<(u32, u32)> {
        Some((block.ids.first()?.to_native(), block.ids.last()?.to_native()))
    }

    fn find(block: &ArchivedShapesBlock, id: u32) -> Option<usize> {
        block.ids.binary_search_by_key(&id, |id| id.to_native()).ok()
    }
}

impl Content for GeometryBlock {
    const KIND: BlockKind = BlockKind::Geometry;

    fn verify(block: &ArchivedGeometryBlock) -> Checked {
        let keys = block.keys.iter().map(|key| key.map(|word| word.to_native()));
        holds(keys.is_sorted_by(|a, b| a < b), "keys", 0, "names must ascend without repeats")?;
        offsets("first", &block.first, block.keys.len(), block.words.len())?;
        same_len("uses", block.uses.len(), block.keys.len())?;
        every("words", 0..block.keys.len(), "a sound polygon of that name", |row| {
            let Some(record) = block.record(*row) else { return false };
            let sound = match ShapeView::polygon(record) {
                Some(ShapeView::Polygon(polygon)) => polygon.is_sound(),
                Some(ShapeView::Circle { .. } | ShapeView::Everywhere) | None => false,
            };
            let key = key_of(record.iter().map(|word| word.to_native()));
            sound && block.row(key) == Some(*row)
        })
    }

    fn count(block: &ArchivedGeometryBlock) -> usize {
        block.keys.len()
    }
}
