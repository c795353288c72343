//! What accounts, shapes and campaigns must keep to, each rule with the value that breaks it and what is allowed.
//!
//! The one place of these rules: files are held against them with the place in the file ([`source`]), a
//! [`build`](super::build()) checks them again for whoever else makes specs. The catalog's tighter limits
//! (2,000 vertices, 50 m …) are not among them.
//!
//! [`source`]: crate::snapshot::source

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use jiff::civil::Weekday;

use super::text;
use crate::domain::campaign::{
    AccountSpec, AudienceSpec, CampaignSpec, Condition, Frequency, MAX_TEMPLATE_BYTES, MessageSpec,
    RunMode, WindowSpec,
};
use crate::domain::ids::DeviceId;
use crate::domain::target::{Ring, Shape};
use crate::domain::units::{HALF_TURN_E7, QUARTER_TURN_E7};
use crate::snapshot::index::shapes::MAX_WIDTH_E7;

/// The largest radius of a circle, m: half the earth's circumference, rounded down to whole km.
pub const MAX_RADIUS_M: f64 = 20_015_000.0;

/// The longest audience that is given as advertising ids.
pub const MAX_AUDIENCE: usize = 500_000;

/// The most devices a campaign is tried on.
pub const MAX_TEST_DEVICES: usize = 20;

/// A day: a dwell beyond it could not outlast the device's own silence.
pub const MAX_DWELL_S: u32 = 86_400;

/// Thirty days: what push services keep at most.
pub const MAX_PUSH_TTL_S: u32 = 2_592_000;

/// Ten minutes to thirty days: the pause before a push is sent again, s.
pub const RESEND_AFTER_S: RangeInclusive<u32> = 600..=2_592_000;

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}; allowed: {allowed}")]
pub struct BrokenRule {
    /// Which field.
    pub field: String,
    /// Its value, shortened where it is long.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

/// Gathers what is broken.
#[derive(Default)]
struct Findings(Vec<BrokenRule>);

impl Findings {
    fn unless(
        &mut self,
        fine: bool,
        field: impl Into<String>,
        value: impl Display,
        allowed: &'static str,
    ) {
        if !fine {
            self.0.push(BrokenRule {
                field: field.into(),
                value: text::shortened(&value.to_string()),
                allowed,
            });
        }
    }
}

/// The rules of an account.
#[must_use]
pub fn of_account(account: &AccountSpec) -> Vec<BrokenRule> {
    let mut found = Findings::default();
    let zone = crate::snapshot::calendar::known_zone(&account.time_zone);
    found.unless(
        zone.is_ok(),
        "time_zone",
        format!("{:?}", account.time_zone),
        "an IANA name, such as Asia/Seoul",
    );
    found.unless(account.daily_cap != Some(0), "daily_cap", 0, "1 or more, or nothing for no cap");
    found.unless(
        account.monthly_limit != Some(0),
        "monthly_limit",
        0,
        "1 or more, or nothing for no limit",
    );
    found.unless(
        account.measure_visits || !account.export_visits,
        "export_visits",
        true,
        "false, or measure_visits as well: what is not measured can't be exported",
    );
    let mut ids = HashSet::new();
    for (at, app) in account.apps.iter().enumerate() {
        found.unless(
            ids.insert(app.id),
            format!("apps[{at}].id"),
            app.id,
            "a number that no other app of the account has",
        );
        found.unless(
            !app.package.is_empty(),
            format!("apps[{at}].package"),
            "empty",
            "a package name or bundle id",
        );
        let known = matches!(app.platform.as_str(), "android" | "ios");
        found.unless(
            known,
            format!("apps[{at}].platform"),
            format!("{:?}", app.platform),
            "\"android\" or \"ios\"",
        );
    }
    no_nil(&mut found, "blacklist", &account.blacklist);
    found.0
}

/// The rules of a shape.
#[must_use]
pub fn of_shape(shape: &Shape) -> Vec<BrokenRule> {
    let mut found = Findings::default();
    match shape {
        Shape::Circle { radius_m, .. } => {
            let fine = *radius_m > 0.0 && *radius_m <= MAX_RADIUS_M;
            found.unless(fine, "radius_m", radius_m, "more than 0 and at most 20015000 m");
        }
        Shape::Polygon { rings } => {
            found.unless(!rings.is_empty(), "coordinates", "empty", "at least one ring");
            for (at, ring) in rings.iter().enumerate() {
                of_ring(&mut found, at, ring);
            }
            of_width(&mut found, rings);
        }
        Shape::Everywhere => {}
    }
    found.0
}

fn of_width(found: &mut Findings, rings: &[Ring]) {
    let lons = || rings.iter().flat_map(|ring| &ring.0).map(|vertex| vertex.lon);
    let width = lons().max().unwrap_or(0) - lons().min().unwrap_or(0);
    found.unless(
        width <= MAX_WIDTH_E7,
        "coordinates",
        format!("{} degrees wide", width / 10_000_000),
        "at most 400 degrees of longitude over all rings; move some by 360 degrees",
    );
}

fn of_ring(found: &mut Findings, at: usize, ring: &Ring) {
    let vertices = &ring.0;
    found.unless(
        vertices.len() >= 3,
        format!("ring {at}"),
        format!("{} vertices", vertices.len()),
        "3 or more, the closing one not counted",
    );
    let off = vertices.iter().find(|vertex| {
        vertex.lat.abs() > i64::from(QUARTER_TURN_E7)
            || vertex.lon.abs() > 3 * i64::from(HALF_TURN_E7)
    });
    if let Some(vertex) = off {
        let value = format!("a vertex at {} {} (1e-7 degrees)", vertex.lon, vertex.lat);
        found.unless(
            false,
            format!("ring {at}"),
            value,
            "longitudes of -540 to 540 and latitudes of -90 to 90 degrees",
        );
    }
    let next = vertices.iter().cycle().skip(1);
    let leap =
        vertices.iter().zip(next).find(|(a, b)| (a.lon - b.lon).abs() > i64::from(HALF_TURN_E7));
    if let Some((from, to)) = leap {
        let value = format!("an edge from longitude {} to {} (1e-7 degrees)", from.lon, to.lon);
        let allowed =
            "edges of at most 180 degrees of longitude; cut a ring around a pole along a meridian";
        found.unless(false, format!("ring {at}"), value, allowed);
    }
}

/// The rules of a campaign of an account.
#[must_use]
pub fn of_campaign(campaign: &CampaignSpec, account: &AccountSpec) -> Vec<BrokenRule> {
    let mut found = Findings::default();
    found.unless(
        campaign.name.chars().count() <= 100,
        "name",
        format!("{:?}", campaign.name),
        "at most 100 characters",
    );
    let code = &campaign.client_code;
    found.unless(
        code.chars().count() <= 100,
        "client_code",
        format!("{code:?}"),
        "at most 100 characters",
    );
    found.unless(!campaign.apps.is_empty(), "apps", "empty", "at least one app");
    for app in &campaign.apps {
        let known = account.apps.iter().any(|one| one.id == *app);
        found.unless(known, "apps", app, "the numbers of the account's apps");
    }
    found.unless(!campaign.targets.is_empty(), "targets", "empty", "at least one target");
    whom(&mut found, campaign);
    when(&mut found, campaign);
    how(&mut found, campaign);
    found.unless(
        campaign.messages.len() <= 2,
        "messages",
        campaign.messages.len(),
        "none, one, or two for an A/B test",
    );
    for (at, message) in campaign.messages.iter().enumerate() {
        of_message(&mut found, at, message);
    }
    found.0
}

fn whom(found: &mut Findings, campaign: &CampaignSpec) {
    if let AudienceSpec::Devices(devices) = &campaign.audience {
        let fine = (1..=MAX_AUDIENCE).contains(&devices.len());
        found.unless(
            fine,
            "audience.devices",
            format!("{} ids", devices.len()),
            "1 to 500000 advertising ids, or \"all\"",
        );
        no_nil(found, "audience.devices", devices);
    }
    let tests = campaign.test_devices.len();
    found.unless(
        tests <= MAX_TEST_DEVICES,
        "test_devices",
        format!("{tests} ids"),
        "at most 20 advertising ids",
    );
    let lacks = campaign.mode == RunMode::Testing && tests == 0;
    found.unless(
        !lacks,
        "test_devices",
        "empty",
        "1 to 20 advertising ids while the mode is testing",
    );
    no_nil(found, "test_devices", &campaign.test_devices);
}

fn no_nil(found: &mut Findings, field: &'static str, devices: &[DeviceId]) {
    let nil = devices.iter().any(|device| device.is_nil());
    found.unless(
        !nil,
        field,
        DeviceId::NIL,
        "ids of devices; all zeros means that tracking is off",
    );
}

fn when(found: &mut Findings, campaign: &CampaignSpec) {
    let (start, end) = (campaign.start, campaign.end);
    found.unless(start <= end, "end", end, "the day of start or a later one");
    let years = 1800..=9990;
    found.unless(years.contains(&start.year()), "start", start, "a day in the years 1800 to 9990");
    found.unless(years.contains(&end.year()), "end", end, "a day in the years 1800 to 9990");
    found.unless(!campaign.windows.is_empty(), "windows", "empty", "at least one row");
    let mut seen: Vec<Weekday> = Vec::new();
    for (at, row) in campaign.windows.iter().enumerate() {
        of_window(found, at, row);
        for day in &row.weekdays {
            let value = text::weekday(*day);
            found.unless(
                !seen.contains(day),
                format!("windows[{at}].days"),
                value,
                "each weekday once in all rows",
            );
            seen.push(*day);
        }
    }
}

fn of_window(found: &mut Findings, at: usize, row: &WindowSpec) {
    let field = |name: &str| format!("windows[{at}].{name}");
    let (start, end) = (row.start_min, row.end_min);
    found.unless(
        !row.weekdays.is_empty(),
        field("days"),
        "empty",
        "at least one of mon, tue, wed, thu, fri, sat, sun",
    );
    let start_fine = start <= 23 * 60 && start.is_multiple_of(10);
    found.unless(
        start_fine,
        field("start"),
        text::clock(start),
        "00:00 to 23:00 in steps of 10 minutes",
    );
    let end_fine = (60..=24 * 60).contains(&end) && end.is_multiple_of(10);
    found.unless(end_fine, field("end"), text::clock(end), "01:00 to 24:00 in steps of 10 minutes");
    found.unless(start < end, field("end"), text::clock(end), "later than start");
}

fn how(found: &mut Findings, campaign: &CampaignSpec) {
    if let Condition::Dwell { dwell_s } = campaign.condition {
        let fine = (1..=MAX_DWELL_S).contains(&dwell_s);
        found.unless(fine, "trigger.dwell_s", dwell_s, "1 to 86400 s");
    }
    if let Frequency::Resend { after_s } = campaign.frequency {
        let fine = RESEND_AFTER_S.contains(&after_s);
        found.unless(
            fine,
            "frequency.resend_after_s",
            after_s,
            "600 s (10 minutes) to 2592000 s (30 days)",
        );
    }
    found.unless(
        campaign.holdout_pct <= 50,
        "holdout_pct",
        campaign.holdout_pct,
        "0 to 50 per cent",
    );
    found.unless(
        campaign.total_limit != Some(0),
        "total_limit",
        0,
        "1 or more, or nothing for no limit",
    );
    let accuracy = campaign.max_accuracy_m;
    found.unless(
        accuracy != Some(0),
        "max_accuracy_m",
        0,
        "1 to 65535 m, or nothing for the policy's limit",
    );
    let ttl = campaign.push_ttl_s;
    found.unless(
        (1..=MAX_PUSH_TTL_S).contains(&ttl),
        "push_ttl_s",
        ttl,
        "1 to 2592000 s (30 days)",
    );
}

fn of_message(found: &mut Findings, at: usize, message: &MessageSpec) {
    let field = |name: &str| format!("messages[{at}].{name}");
    let (title, body) = (&message.title, &message.body);
    found.unless(
        text::units(title) <= 26,
        field("title"),
        format!("{title:?}"),
        "at most 26 characters; an emoji counts 2, a code such as ${store} 0",
    );
    found.unless(
        text::units(body) <= 112,
        field("body"),
        format!("{body:?}"),
        "at most 112 characters; an emoji counts 2, a code such as ${store} 0",
    );
    let blank = title.trim().is_empty() && body.trim().is_empty();
    found.unless(!blank, field("title"), "empty", "a title, a body, or both");
    for (name, template) in [("title", title), ("body", body)] {
        found.unless(
            template.len() <= MAX_TEMPLATE_BYTES,
            field(name),
            format!("{} bytes", template.len()),
            "at most 4096 bytes, codes included",
        );
        if let Some(code) = text::unknown_code(template) {
            found.unless(false, field(name), format!("{code:?}"), text::ALLOWED_CODES);
        }
    }
    for (name, url) in [("image_url", &message.image_url), ("landing_url", &message.landing_url)] {
        let Some(url) = url else { continue };
        let long = url.len() > MAX_URL_LEN;
        found.unless(
            !url.is_empty() && !long,
            field(name),
            format!("{url:?}"),
            "1 to 2048 characters",
        );
        let plain = !url.chars().any(|one| one.is_whitespace() || one.is_control());
        found.unless(plain, field(name), format!("{url:?}"), "an address without blanks");
    }
}

/// The longest address that common browsers and push services take.
const MAX_URL_LEN: usize = 2048;
