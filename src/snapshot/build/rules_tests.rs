//! Rules at their borders, and how long a message is.

use super::rules::{BrokenRule, of_account, of_campaign, of_shape};
use super::text;
use crate::domain::campaign::{CampaignSpec, Condition, Frequency, MessageSpec};
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;
use crate::snapshot::samples::{account, campaign, circle};

#[test]
fn graphemes_emoji_and_codes_are_counted_as_marketers_do() {
    for (template, units) in [
        ("", 0),
        ("abc 가나", 6),
        ("e\u{301}", 1),
        ("각", 1),
        ("☕", 2),
        ("👨‍👩‍👧", 2),
        ("🇰🇷", 2),
        ("❤\u{FE0F}", 2),
        ("❤", 1),
        ("#1", 2),
        ("${store}!", 1),
        ("${brand}${geofence}", 0),
        ("${other}", 8),
    ] {
        assert_eq!(text::units(template), units, "{template:?}");
    }
}

#[test]
fn unknown_codes_are_found() {
    assert_eq!(text::unknown_code("${store} $5 {x} ${district_city}"), None);
    assert_eq!(text::unknown_code("${store} ${shop} ${x}"), Some("${shop}"));
    assert_eq!(text::unknown_code("a ${store"), Some("${store"));
}

#[test]
fn circles_have_a_radius() {
    let center = PointE7::new(0, 0).unwrap();
    let sound = |radius_m| of_shape(&Shape::Circle { center, radius_m }).is_empty();
    assert!(sound(0.1) && sound(20_015_000.0));
    for radius_m in [0.0, -1.0, 20_015_000.1, f64::NAN, f64::INFINITY] {
        assert!(!sound(radius_m), "{radius_m}");
    }
}

#[test]
fn rings_are_on_the_earth_and_their_edges_short() {
    let sound = |vertices: &[(i64, i64)]| {
        let vertex =
            |(lon, lat): &(i64, i64)| Vertex { lat: lat * 10_000_000, lon: lon * 10_000_000 };
        let ring = Ring(vertices.iter().map(vertex).collect());
        of_shape(&Shape::Polygon { rings: vec![ring] }).is_empty()
    };
    assert!(sound(&[(0, -90), (180, -90), (180, 90), (0, 90)]));
    assert!(sound(&[(360, 0), (540, 0), (540, 1)]));
    assert!(!sound(&[(0, 0), (1, 1)]), "two vertices");
    assert!(!sound(&[(0, 0), (1, 91), (1, 1)]), "beyond the pole");
    assert!(!sound(&[(540, 0), (541, 0), (541, 1)]), "beyond 540°");
    assert!(!sound(&[(0, 0), (90, 0), (181, 1)]), "the closing edge is long");
    assert!(!of_shape(&Shape::Polygon { rings: Vec::new() }).is_empty());
    assert!(of_shape(&Shape::Everywhere).is_empty() && of_shape(&circle(1, 1).shape).is_empty());
}

#[test]
fn the_samples_break_no_rule() {
    assert_eq!(of_account(&account(1)), []);
    assert_eq!(of_campaign(&campaign(1, 1, &[1]), &account(1)), []);
}

#[test]
fn what_is_not_measured_is_not_exported() {
    let mut asks = account(1);
    asks.export_visits = true;
    assert_eq!(of_account(&asks).len(), 1);
    asks.measure_visits = true;
    assert_eq!(of_account(&asks), []);
}

#[test]
fn borders_hold() {
    let broken = |change: &dyn Fn(&mut CampaignSpec)| -> Vec<BrokenRule> {
        let mut spec = campaign(1, 1, &[1]);
        change(&mut spec);
        of_campaign(&spec, &account(1))
    };
    let fine: [&dyn Fn(&mut CampaignSpec); 7] = [
        &|spec| spec.holdout_pct = 50,
        &|spec| spec.frequency = Frequency::Resend { after_s: 2_592_000 },
        &|spec| spec.condition = Condition::Dwell { dwell_s: 86_400 },
        &|spec| spec.end = spec.start,
        &|spec| (spec.windows[0].start_min, spec.windows[0].end_min) = (1380, 1440),
        &|spec| spec.messages[0].title = "가".repeat(26),
        &|spec| spec.messages[0].body = "${store}".repeat(512),
    ];
    for change in fine {
        assert_eq!(broken(change), []);
    }
    let wrong: [&dyn Fn(&mut CampaignSpec); 10] = [
        &|spec| spec.frequency = Frequency::Resend { after_s: 2_592_001 },
        &|spec| spec.condition = Condition::Dwell { dwell_s: 0 },
        &|spec| (spec.windows[0].start_min, spec.windows[0].end_min) = (1390, 1440),
        &|spec| (spec.windows[0].start_min, spec.windows[0].end_min) = (0, 50),
        &|spec| spec.targets.clear(),
        &|spec| spec.messages[0].body = "☕".repeat(57),
        &|spec| spec.messages[0] = MessageSpec::default(),
        &|spec| spec.messages[0].body = "${store}".repeat(513),
        &|spec| spec.messages[0].title = format!("a{}", "\u{301}".repeat(2_048)),
        &|spec| spec.messages[0].landing_url = Some("https://a b".to_owned()),
    ];
    for change in wrong {
        assert_eq!(broken(change).len(), 1, "{:?}", broken(change));
    }
}
