//! Polygons as people write them into a cell: well-known text, or just positions.

use wkt::TryFromWkt;

use crate::control::shape::FenceShape;

/// What a cell may hold.
pub(super) const ALLOWED: &str =
    "(lon lat,lon lat,…), POLYGON((lon lat,…)) or MULTIPOLYGON(((lon lat,…)))";

/// Reads a cell.
///
/// Positions are longitude, then latitude. A ring may be closed or not. `SRID=4326;` may come before well-known text.
pub(super) fn read(text: &str) -> Result<FenceShape, String> {
    let text = text.trim();
    let text = match text.split_once(';') {
        Some((reference, rest)) if reference.trim().eq_ignore_ascii_case("SRID=4326") => {
            rest.trim()
        }
        Some(_) => return Err(format!("it has a ;; allowed: {ALLOWED}, in WGS 84")),
        None => text,
    };
    // By its first word, before any parser sees it: collections nest without end, and so would a parser's calls.
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    match word.to_ascii_uppercase().as_str() {
        "" => positions(text),
        "POLYGON" | "MULTIPOLYGON" => well_known(text, word.len() == "POLYGON".len()),
        _ => Err(format!(
            "it begins with {:?}; allowed: {ALLOWED}",
            super::rows::bad_cell::shown(&word)
        )),
    }
}

fn well_known(text: &str, single: bool) -> Result<FenceShape, String> {
    if !is_one_bracket(text) {
        return Err(format!("its brackets do not match; allowed: {ALLOWED}"));
    }
    let broken =
        |error: &dyn std::fmt::Display| format!("it cannot be read: {error}; allowed: {ALLOWED}");
    if single {
        let polygon =
            ::geo::Polygon::<f64>::try_from_wkt_str(text).map_err(|error| broken(&error))?;
        return Ok(FenceShape::Polygon { coordinates: rings(polygon) });
    }
    let parts =
        ::geo::MultiPolygon::<f64>::try_from_wkt_str(text).map_err(|error| broken(&error))?;
    Ok(FenceShape::MultiPolygon { coordinates: parts.into_iter().map(rings).collect() })
}

fn rings(polygon: ::geo::Polygon<f64>) -> Vec<Vec<[f64; 2]>> {
    let (outer, holes) = polygon.into_inner();
    let rings = std::iter::once(outer).chain(holes).filter(|ring| !ring.0.is_empty());
    rings.map(|ring| ring.0.iter().map(|at| [at.x, at.y]).collect()).collect()
}

/// Whether the text is one bracket that closes at its end: what comes after it the parser would not look at.
fn is_one_bracket(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut closed_at = None;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => match depth.checked_sub(1) {
                Some(left) => depth = left,
                None => return false,
            },
            _ => {}
        }
        if letter == ')' && depth == 0 {
            closed_at = closed_at.or(Some(at));
        }
    }
    depth == 0 && closed_at == Some(text.len() - 1)
}

/// `(lon lat,lon lat,…)`, with the brackets or without.
fn positions(text: &str) -> Result<FenceShape, String> {
    let inner = match text.strip_prefix('(') {
        Some(rest) => {
            rest.strip_suffix(')').ok_or_else(|| "its bracket is not closed".to_owned())?
        }
        None => text,
    };
    if inner.contains(['(', ')']) {
        return Err("it has more than one bracket; write POLYGON((…),(…)) for holes".to_owned());
    }
    let ring: Result<Vec<_>, String> = inner.split(',').enumerate().map(position).collect();
    Ok(FenceShape::Polygon { coordinates: vec![ring?] })
}

fn position((at, text): (usize, &str)) -> Result<[f64; 2], String> {
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse::<f64>().ok().filter(|number| number.is_finite()));
    match (numbers.next().flatten(), numbers.next().flatten(), numbers.next()) {
        (Some(lon), Some(lat), None) => Ok([lon, lat]),
        _ => Err(format!(
            "position {} is {:?}; allowed: longitude and latitude with a blank between them",
            at + 1,
            super::rows::bad_cell::shown(text.trim())
        )),
    }
}
