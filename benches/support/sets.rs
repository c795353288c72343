//! The data sets of `../shared/data`, where they are present: `w1`, `w2` and `w3` as the generator wrote them
//! to `$GEOFENCED_SETS/<name>` (default `target/sets`, where `make sets` puts them), and `real`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use geofenced::domain::ids::TargetId;
use geofenced::domain::target::{Ring, Shape, Vertex};
use geofenced::domain::units::PointE7;
use geofenced::engine::raw::RawPing;
use geofenced::offline::pings::{read_pings, read_pings_from};
use serde::Deserialize;

/// Fences and pings.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) targets: Vec<(TargetId, Shape)>,
    pub(crate) pings: Vec<RawPing>,
}

/// The sets that are present.
pub(crate) const NAMES: [&str; 4] = ["w1", "w2", "w3", "real"];

/// Reads a set with its first `limit` pings, or says why not.
pub(crate) fn read(name: &'static str, limit: usize) -> Result<Set, String> {
    let (fences, pings) = paths(name);
    let file = File::open(&fences).map_err(|error| format!("{}: {error}", fences.display()))?;
    let targets = read_targets(&fences, file)?;
    let recorded = if limit == usize::MAX {
        read_pings(&pings)
    } else {
        read_pings_from(&head(&pings, limit).map_err(|error| error.to_string())?[..], &pings)
    };
    let pings = recorded.map_err(|error| error.to_string())?.pings;
    Ok(Set { name, targets, pings })
}

/// The title and the first `rows` rows of a plain CSV.
fn head(path: &Path, rows: usize) -> std::io::Result<Vec<u8>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    for _ in 0..=rows {
        file.read_until(b'\n', &mut text)?;
    }
    Ok(text)
}

/// Where a set's fences and pings are.
pub(crate) fn paths(name: &str) -> (PathBuf, PathBuf) {
    if name == "real" {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
        return (shared.join("real_fences.geojson.gz"), shared.join("real_pings.csv.gz"));
    }
    let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sets");
    let sets = std::env::var_os("GEOFENCED_SETS").map_or_else(made, PathBuf::from);
    (sets.join(name).join("fences.geojson"), sets.join(name).join("pings.csv"))
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Properties,
    geometry: Geometry,
}

#[derive(Deserialize)]
struct Properties {
    id: u32,
    radius_m: Option<f64>,
}

type Line = Vec<[f64; 2]>;

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point([f64; 2]),
    Polygon(Vec<Line>),
    MultiPolygon(Vec<Vec<Line>>),
}

fn read_targets(path: &Path, file: File) -> Result<Vec<(TargetId, Shape)>, String> {
    let mut text = Vec::new();
    let mut file = BufReader::new(file);
    let outcome = if path.extension().is_some_and(|end| end == "gz") {
        MultiGzDecoder::new(file).read_to_end(&mut text)
    } else {
        file.read_to_end(&mut text)
    };
    outcome.map_err(|error| error.to_string())?;
    let all: Collection = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    all.features.into_iter().map(target).collect()
}

fn target(feature: Feature) -> Result<(TargetId, Shape), String> {
    let id = TargetId(feature.properties.id);
    let shape = match feature.geometry {
        Geometry::Point([lon, lat]) => Shape::Circle {
            center: PointE7::from_degrees(lat, lon).ok_or("a point out of range")?,
            radius_m: feature.properties.radius_m.ok_or("a point without radius_m")?,
        },
        Geometry::Polygon(lines) => Shape::Polygon { rings: rings(lines) },
        Geometry::MultiPolygon(parts) => {
            Shape::Polygon { rings: parts.into_iter().flat_map(rings).collect() }
        }
    };
    Ok((id, shape))
}

fn rings(lines: Vec<Line>) -> Vec<Ring> {
    let ring = |mut line: Line| {
        line.pop();
        Ring(line.into_iter().map(vertex).collect())
    };
    lines.into_iter().map(ring).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are far below 2^63 units")]
fn vertex([lon, lat]: [f64; 2]) -> Vertex {
    Vertex { lat: (lat * 1e7).round() as i64, lon: (lon * 1e7).round() as i64 }
}
