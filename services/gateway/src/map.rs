//! The map of Kazakhstan: boundaries projected once, as SVG paths in a fixed frame.

use std::{fmt::Write as _, sync::LazyLock};

use serde::Deserialize;

/// Width of the frame in SVG units.
pub const WIDTH: i32 = 1000;

/// Simplified boundaries, by ISO 3166-2 code, in degrees east and north.
const BOUNDARIES: &str = include_str!("regions.geojson");

/// The cities of republican significance: too small for a shape at this scale, so they are drawn as dots.
const CITIES: [&str; 3] = ["KZ-71", "KZ-75", "KZ-79"];

/// The map, computed on first use.
///
/// A test holds that the built-in boundaries parse; an empty map would only leave the table beside it.
pub static MAP: LazyLock<Map> = LazyLock::new(|| Map::parse(BOUNDARIES).unwrap_or_default());

/// All shapes, and the frame that they fit in.
#[derive(Debug, Default)]
pub struct Map {
    /// Height of the frame in SVG units; the width is [`WIDTH`].
    pub height: i32,
    /// Regions first, then cities, so that dots are drawn on top.
    pub shapes: Vec<Shape>,
}

/// One region or city.
#[derive(Debug)]
pub struct Shape {
    /// ISO 3166-2 code.
    pub code: String,
    /// What to draw.
    pub outline: Outline,
    /// Where a label fits best: the point inside that is farthest from the border.
    pub label: (i32, i32),
}

/// What is drawn of a shape.
#[derive(Debug, PartialEq, Eq)]
pub enum Outline {
    /// Data of an SVG path.
    Path(String),
    /// A dot at `label`.
    Dot,
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    geometry: Geometry,
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    code: String,
}

type Ring = Vec<(f64, f64)>;

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Ring>),
    MultiPolygon(Vec<Vec<Ring>>),
}

impl Geometry {
    fn rings(self) -> Vec<Ring> {
        match self {
            Self::Polygon(rings) => rings,
            Self::MultiPolygon(polygons) => polygons.into_iter().flatten().collect(),
        }
    }
}

/// Albers' equal-area conic projection, so that shaded areas compare. The parallels suit 41 to 55 degrees north.
fn project((longitude, latitude): (f64, f64)) -> (f64, f64) {
    const PARALLELS: (f64, f64) = (43.0, 53.0);
    const CENTRE: (f64, f64) = (67.0, 48.0);
    let (first, second) = (PARALLELS.0.to_radians(), PARALLELS.1.to_radians());
    let cone = f64::midpoint(first.sin(), second.sin());
    let constant = first.cos().powi(2) + 2.0 * cone * first.sin();
    let radius = |degrees: f64| (constant - 2.0 * cone * degrees.to_radians().sin()).sqrt() / cone;
    let angle = cone * (longitude - CENTRE.0).to_radians();
    (
        radius(latitude) * angle.sin(),
        radius(latitude) * angle.cos() - radius(CENTRE.1),
    )
}

impl Map {
    fn parse(geojson: &str) -> Result<Self, serde_json::Error> {
        let collection: Collection = serde_json::from_str(geojson)?;
        let mut outlines: Vec<(String, Vec<Ring>)> = collection
            .features
            .into_iter()
            .map(|feature| {
                let rings = feature.geometry.rings().into_iter();
                let rings = rings
                    .map(|ring| ring.into_iter().map(project).collect())
                    .collect();
                (feature.properties.code, rings)
            })
            .collect();
        outlines.sort_by_key(|(code, _)| (CITIES.contains(&code.as_str()), code.clone()));
        let frame = Frame::around(outlines.iter().flat_map(|(_, rings)| rings).flatten());
        let shapes = outlines
            .into_iter()
            .map(|(code, rings)| {
                let rings: Vec<Vec<(i32, i32)>> =
                    rings.iter().map(|ring| frame.fit(ring)).collect();
                let label = label_point(&rings);
                let outline = if CITIES.contains(&code.as_str()) {
                    Outline::Dot
                } else {
                    Outline::Path(path(&rings))
                };
                Shape {
                    code,
                    outline,
                    label,
                }
            })
            .collect();
        Ok(Self {
            height: frame.height,
            shapes,
        })
    }
}

/// How projected points become SVG units.
struct Frame {
    left: f64,
    top: f64,
    scale: f64,
    height: i32,
}

impl Frame {
    /// Room for the stroke, in SVG units.
    const MARGIN: f64 = 4.0;

    fn around<'a>(points: impl Iterator<Item = &'a (f64, f64)>) -> Self {
        let start = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
        let (left, top, right, bottom) = points.fold(start, |bounds, &(x, y)| {
            (
                bounds.0.min(x),
                bounds.1.min(y),
                bounds.2.max(x),
                bounds.3.max(y),
            )
        });
        let scale = (f64::from(WIDTH) - 2.0 * Self::MARGIN) / (right - left);
        Self {
            left,
            top,
            scale,
            height: round((bottom - top) * scale + 2.0 * Self::MARGIN),
        }
    }

    /// Rounds to whole units and drops points that fall together.
    fn fit(&self, ring: &[(f64, f64)]) -> Vec<(i32, i32)> {
        let fitted = ring.iter().map(|(x, y)| {
            let place =
                |value: f64, origin: f64| round((value - origin) * self.scale + Self::MARGIN);
            (place(*x, self.left), place(*y, self.top))
        });
        let mut points: Vec<(i32, i32)> = fitted.collect();
        points.dedup();
        points
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "coordinates lie within a few thousand units"
)]
fn round(value: f64) -> i32 {
    value.round() as i32
}

/// Relative line segments: the shortest form of a path.
fn path(rings: &[Vec<(i32, i32)>]) -> String {
    let mut data = String::new();
    for ring in rings {
        let Some((&(mut x, mut y), rest)) = ring.split_first() else {
            continue;
        };
        // Writing to a string can't fail.
        let _ = write!(data, "M{x} {y}l");
        // The last point repeats the first, and `z` closes the ring.
        for &(next_x, next_y) in &rest[..rest.len().saturating_sub(1)] {
            let _ = write!(data, "{} {} ", next_x - x, next_y - y);
            (x, y) = (next_x, next_y);
        }
        data.truncate(data.trim_end().len());
        data.push('z');
    }
    data
}

/// The grid point inside the shape that is farthest from its border. Labels are wider than high, so distances up and
/// down count more than twice.
fn label_point(rings: &[Vec<(i32, i32)>]) -> (i32, i32) {
    const STEPS: i32 = 48;
    const FLATTEN: f64 = 2.2;
    // The holes are cities, whose dots are larger than they.
    const DOT: f64 = 14.0;
    let (outer, holes) = rings.split_at(rings.len().min(1));
    let points = || rings.iter().flatten();
    let (Some(left), Some(right)) = (points().map(|p| p.0).min(), points().map(|p| p.0).max())
    else {
        return (0, 0);
    };
    let (Some(top), Some(bottom)) = (points().map(|p| p.1).min(), points().map(|p| p.1).max())
    else {
        return (0, 0);
    };
    let mut best = (
        (i32::midpoint(left, right), i32::midpoint(top, bottom)),
        f64::MIN,
    );
    for (column, row) in (1..STEPS).flat_map(|column| (1..STEPS).map(move |row| (column, row))) {
        let point = (
            left + (right - left) * column / STEPS,
            top + (bottom - top) * row / STEPS,
        );
        if !inside(point, rings) {
            continue;
        }
        let nearest = |rings| {
            let distances = edges(rings).map(|(a, b)| distance(point, a, b, FLATTEN));
            distances.fold(f64::MAX, f64::min)
        };
        let distance = nearest(outer).min(nearest(holes) - DOT);
        if distance > best.1 {
            best = (point, distance);
        }
    }
    best.0
}

type Edge = ((i32, i32), (i32, i32));

fn edges(rings: &[Vec<(i32, i32)>]) -> impl Iterator<Item = Edge> {
    rings
        .iter()
        .flat_map(|ring| ring.windows(2).map(|pair| (pair[0], pair[1])))
}

/// Even-odd rule, so that holes are outside.
fn inside((x, y): (i32, i32), rings: &[Vec<(i32, i32)>]) -> bool {
    edges(rings).fold(false, |within, (a, b)| {
        let crosses = (a.1 > y) != (b.1 > y)
            && f64::from(x - a.0)
                < f64::from(b.0 - a.0) * f64::from(y - a.1) / f64::from(b.1 - a.1);
        within != crosses
    })
}

fn distance(point: (i32, i32), a: (i32, i32), b: (i32, i32), flatten: f64) -> f64 {
    let flat = |(x, y): (i32, i32)| (f64::from(x), f64::from(y) * flatten);
    let ((x, y), (ax, ay), (bx, by)) = (flat(point), flat(a), flat(b));
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let along = if length == 0.0 {
        0.0
    } else {
        ((x - ax) * dx + (y - ay) * dy) / length
    };
    let along = along.clamp(0.0, 1.0);
    (x - ax - along * dx).hypot(y - ay - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_shape_that_holds_its_label() {
        let map = Map::parse(BOUNDARIES).unwrap();
        assert_eq!(map.shapes.len(), 20);
        assert!(
            (300..WIDTH).contains(&map.height),
            "Kazakhstan is wider than high: {}",
            map.height
        );
        let dots = map
            .shapes
            .iter()
            .filter(|shape| shape.outline == Outline::Dot);
        assert_eq!(
            dots.map(|shape| shape.code.as_str()).collect::<Vec<_>>(),
            CITIES
        );
        for shape in &map.shapes {
            assert!((0..=WIDTH).contains(&shape.label.0), "{shape:?}");
            assert!((0..=map.height).contains(&shape.label.1), "{shape:?}");
        }
    }

    #[test]
    fn the_map_is_the_right_way_round() {
        let map = Map::parse(BOUNDARIES).unwrap();
        let label = |code: &str| {
            map.shapes
                .iter()
                .find(|shape| shape.code == code)
                .unwrap()
                .label
        };
        let (west, north, south, east) = (
            label("KZ-27"),
            label("KZ-59"),
            label("KZ-61"),
            label("KZ-63"),
        );
        assert!(west.0 < south.0 && south.0 < east.0);
        assert!(north.1 < west.1 && west.1 < south.1);
    }

    #[test]
    fn equal_areas_stay_equal() {
        let area = |south: f64| {
            let corners = [
                (60.0, south),
                (61.0, south),
                (61.0, south + 1.0),
                (60.0, south + 1.0),
            ]
            .map(project);
            let twice: f64 = (0..4)
                .map(|i| (corners[i], corners[(i + 1) % 4]))
                .map(|(a, b)| a.0 * b.1 - b.0 * a.1)
                .sum();
            twice.abs() / south.to_radians().cos()
        };
        // A degree cell shrinks with the cosine of its latitude, here taken at its southern edge.
        assert!((area(42.0) / area(54.0) - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_hole_is_outside() {
        let square =
            |from: i32, to: i32| vec![(from, from), (to, from), (to, to), (from, to), (from, from)];
        let rings = [square(0, 100), square(40, 60)];
        assert!(inside((20, 20), &rings));
        assert!(!inside((50, 50), &rings));
        assert_eq!(path(&rings[1..]), "M40 40l20 0 0 20 -20 0z");
    }
}
