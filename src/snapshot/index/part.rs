//! Targets on their way down through the regions of the grid: what of each is still undecided in a region.
//!
//! Every way down to a region asks the same questions of the same cells, so what is found there does not depend on
//! which targets were on the way together.

use std::borrow::Borrow;

use super::atlas::WHOLE;
use super::clip::{self, Bounds, Frame, Piece};
use super::grid::{Cell, WIDTH};
use super::split::{Circle, PieceOf};
use crate::domain::target::Shape;
use crate::domain::units::{HALF_TURN_E7, QUARTER_TURN_E7};
use crate::geo::cover::{CircleCover, CosRange, Cover};

/// A bounded part of a target in a region, undecided there.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The target's id.
    pub target: u32,
    pub bounds: Bounds,
    pub form: Form,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A circle.
    Circle(Circle),
    /// A polygon cut to the region.
    Piece(PieceOf),
}

/// What a region has to deal with.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    pub parts: Vec<Part>,
    /// Ids of the targets that contain all of it: ascending, each once.
    pub inside: Vec<u32>,
}

impl Share {
    /// What the whole grid has of these targets.
    pub(super) fn of<S: Borrow<Shape>>(targets: impl Iterator<Item = (u32, S)>) -> Self {
        let mut share = Self::default();
        let cosines = WHOLE.cosines();
        for (target, shape) in targets {
            let shape = shape.borrow();
            for part in parts(target, shape) {
                share.take(&part, WHOLE, cosines, &mut Borders::of(Frame::ALL));
            }
            if *shape == Shape::Everywhere {
                share.inside.push(target);
            }
        }
        share.settle();
        share
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.inside.is_empty()
    }

    /// How much work is undecided: circles count one, polygons by their edges in the region too.
    pub(super) fn weight(&self) -> u32 {
        let weight = |part: &Part| match &part.form {
            Form::Circle(_) => 1,
            Form::Piece(of) => {
                1 + u32::try_from(of.piece.edges.len() / EDGES_LIKE_A_CIRCLE).unwrap_or(1 << 30)
            }
        };
        self.parts.iter().map(weight).fold(0, u32::saturating_add)
    }

    /// What the four quarters of `cell`, in their order, have of it.
    pub(super) fn quartered(&self, cell: Cell) -> [Self; 4] {
        let quarters = cell.quarters();
        let cosines = quarters.map(Cell::cosines);
        let mut shares: [Self; 4] = std::array::from_fn(|_| Self {
            parts: Vec::with_capacity(self.parts.len() / 4),
            inside: self.inside.clone(),
        });
        for part in &self.parts {
            let mut borders = Borders::of(Frame::of(cell));
            // Column by column: quarters above each other have their west border in common.
            for nth in [0, 2, 1, 3] {
                shares[nth].take(part, quarters[nth], cosines[nth], &mut borders);
            }
        }
        shares.iter_mut().for_each(Self::settle);
        shares
    }

    /// What `quarter` of `cell` has of it.
    pub(super) fn within(self, cell: Cell, quarter: Cell) -> Self {
        let cosines = quarter.cosines();
        let mut share = Self { parts: Vec::new(), inside: self.inside };
        for part in &self.parts {
            share.take(part, quarter, cosines, &mut Borders::of(Frame::of(cell)));
        }
        share.settle();
        share
    }

    /// Takes what lies in a quarter of a part.
    fn take(&mut self, part: &Part, quarter: Cell, cosines: CosRange, borders: &mut Borders) {
        let Part { target, bounds, form } = part;
        if !bounds.meet(quarter) {
            return;
        }
        let bounds = bounds.within(quarter);
        let form = match form {
            Form::Circle(circle) => {
                let Some((_, cover)) = circle else { return };
                match cover.classify(quarter.rect(), cosines) {
                    Cover::Inside => return self.inside.push(*target),
                    Cover::Outside => return,
                    Cover::Boundary => Form::Circle(*circle),
                }
            }
            Form::Piece(whole) => {
                let piece = whole.piece.cut(quarter, borders.at(whole, quarter.x));
                if piece.is_settled() {
                    if piece.corner {
                        self.inside.push(*target);
                    }
                    return;
                }
                Form::Piece(PieceOf { piece, ..*whole })
            }
        };
        self.parts.push(Part { target: *target, bounds, form });
    }

    /// A target that is inside is not undecided as well, a turn away.
    fn settle(&mut self) {
        self.inside.sort_unstable();
        self.inside.dedup();
        let inside = &self.inside;
        if !inside.is_empty() {
            self.parts.retain(|part| inside.binary_search(&part.target).is_err());
        }
    }
}

/// The parts of a shape, not yet cut to anything.
fn parts(target: u32, shape: &Shape) -> Vec<Part> {
    match shape {
        Shape::Everywhere => Vec::new(),
        Shape::Circle { center, radius_m } => {
            let Some(cover) = CircleCover::new(*center, *radius_m) else { return Vec::new() };
            let part = |bounds: Bounds| {
                let form = Form::Circle(Some((*center, cover)));
                Part { target, bounds: bounds.on_grid(), form }
            };
            circle_bounds(&cover).into_iter().map(part).collect()
        }
        Shape::Polygon { rings } => {
            let pieces = clip::whole(rings);
            let repeats = pieces.len() > 1;
            let part = |(piece, bounds): (Piece, Bounds)| {
                let form = Form::Piece(PieceOf { target, repeats, piece });
                Part { target, bounds: bounds.on_grid(), form }
            };
            pieces.into_iter().map(part).collect()
        }
    }
}

/// A polygon's edge costs less to build for than a circle does.
const EDGES_LIKE_A_CIRCLE: usize = 4;

/// The border rows of a piece along the last column asked for.
struct Borders {
    frame: Frame,
    x: Option<i64>,
    rows: Vec<i64>,
}

impl Borders {
    fn of(frame: Frame) -> Self {
        Self { frame, x: None, rows: Vec::new() }
    }

    fn at(&mut self, whole: &PieceOf, x: i64) -> &[i64] {
        if self.x != Some(x) {
            whole.piece.border(self.frame, x, &mut self.rows);
            self.x = Some(x);
        }
        &self.rows
    }
}

/// The parts of a circle's bounds on the grid: it may reach over the antimeridian.
fn circle_bounds(cover: &CircleCover) -> Vec<Bounds> {
    let rect = cover.bounds();
    let (west, east) = (rect.west + i64::from(HALF_TURN_E7), rect.east + i64::from(HALF_TURN_E7));
    let north = i64::from(QUARTER_TURN_E7);
    let (south, north) = (rect.south + north, rect.north + north);
    let spans: Vec<(i64, i64)> = if east - west >= WIDTH - 1 {
        vec![(0, WIDTH - 1)]
    } else {
        let shifted = [0, -WIDTH, WIDTH].map(|turn| (west + turn, east + turn));
        shifted.into_iter().filter(|&(west, east)| east >= 0 && west < WIDTH).collect()
    };
    spans.into_iter().map(|(west, east)| Bounds { west, east, south, north }).collect()
}

impl Bounds {
    /// Whether they touch the cell.
    fn meet(&self, cell: Cell) -> bool {
        let last = cell.size() - 1;
        self.west <= cell.x + last
            && self.east >= cell.x
            && self.south <= cell.y + last
            && self.north >= cell.y
    }

    fn on_grid(self) -> Self {
        Self {
            west: self.west.max(0),
            east: self.east.min(WIDTH - 1),
            south: self.south.max(0),
            north: self.north.min(WIDTH / 2),
        }
    }

    /// What of them lies in the cell.
    pub(super) fn within(&self, cell: Cell) -> Self {
        Self {
            west: self.west.max(cell.x),
            east: self.east.min(cell.x + cell.size() - 1),
            south: self.south.max(cell.y),
            north: self.north.min(cell.y + cell.size() - 1),
        }
    }
}
