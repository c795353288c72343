//! Exact geometry on 1e-7-degree coordinates: what it means to be inside, how far away, how large.
//!
//! Nothing here knows of targets, indexes or files; the [index](crate::snapshot::index) only saves calls to
//! these functions, and the tests compare it with them. Containment in a polygon is decided in integers,
//! everything else in `f64` with `libm`, so all processors agree. Read in order: circles on the sphere
//! ([`circle`]), polygons in the lon/lat plane ([`polygon`]), distances to a boundary ([`boundary`]),
//! areas ([`area`]), and whether a whole rectangle is inside or outside a circle ([`cover`]).

pub mod circle;
pub mod polygon;
pub mod boundary;
pub mod area;
pub mod cover;

#[cfg(test)]
mod circle_tests;
#[cfg(test)]
mod polygon_tests;
#[cfg(test)]
mod boundary_tests;
#[cfg(test)]
mod area_tests;
#[cfg(test)]
mod cover_tests;
