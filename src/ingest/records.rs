//! What the JSON of each kind of record means.

use super::fields::Fields;
use super::json::JsonRecord;
use crate::domain::ids::{JobId, PlaceId};
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::problem::Problem;
use crate::domain::report::{HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile};
use crate::domain::units::{PointE7, UtcMs};

impl JsonRecord for Ping {
    const LIST: &'static str = "pings";
    const FIELDS: &'static [&'static str] = &[
        "device",
        "lat",
        "lon",
        "at",
        "accuracy_m",
        "mock",
        "background",
        "ads_consent",
        "night_consent",
        "platform",
    ];

    /// `device`, `lat`, `lon`; the others may be left out.
    fn read(fields: &Fields<'_>, now: UtcMs) -> Result<Self, Problem> {
        let device = fields.device()?;
        let (lat, lon) = (fields.number("lat")?, fields.number("lon")?);
        let Some(at) = PointE7::from_degrees(lat, lon) else {
            let (field, range) = if lat.abs() <= 90.0 { ("lon", 180) } else { ("lat", 90) };
            return Err(fields.wrong(field, format!("is not within -{range} and {range} degrees")));
        };
        let flags = [
            (fields.flag("mock", false)?, PingFlags::MOCK),
            (fields.flag("background", false)?, PingFlags::BACKGROUND),
            (!fields.flag("ads_consent", true)?, PingFlags::NO_ADS_CONSENT),
            (fields.flag("night_consent", false)?, PingFlags::NIGHT_CONSENT),
        ];
        let platform = match fields.platform()? {
            Platform::Unknown => 0,
            Platform::Android => PingFlags::ANDROID,
            Platform::Ios => PingFlags::IOS,
        };
        let set = flags.into_iter().filter(|&(on, _)| on).map(|(_, bit)| bit);
        Ok(Self {
            device,
            lat_e7: at.lat,
            lon_e7: at.lon,
            fixed_at: fields.instant("at", now)?,
            accuracy_m: fields.accuracy_m()?,
            flags: PingFlags(set.fold(platform, |all, bit| all | bit)),
        })
    }
}

impl JsonRecord for Outcome {
    const LIST: &'static str = "outcomes";
    const FIELDS: &'static [&'static str] = &["device", "job", "kind", "at"];

    /// `device`, `job`, `kind`; optional `at`.
    fn read(fields: &Fields<'_>, now: UtcMs) -> Result<Self, Problem> {
        let kinds = [
            ("delivered", OutcomeKind::Delivered),
            ("clicked", OutcomeKind::Clicked),
            ("dismissed", OutcomeKind::Dismissed),
        ];
        Ok(Self {
            device: fields.device()?,
            job: JobId(fields.id("job")?),
            happened_at: fields.instant("at", now)?,
            kind: fields.word("kind", &kinds)?,
        })
    }
}

impl JsonRecord for Profile {
    const LIST: &'static str = "profiles";
    const FIELDS: &'static [&'static str] =
        &["device", "echo", "platform", "ads_consent", "night_consent"];

    /// `device`; the others may be left out. A profile has no instant.
    fn read(fields: &Fields<'_>, _now: UtcMs) -> Result<Self, Problem> {
        Ok(Self {
            device: fields.device()?,
            echo: if fields.has("echo") { fields.id("echo")? } else { [0; 16] },
            platform: fields.platform()?,
            ads_consent: fields.flag("ads_consent", true)?,
            night_consent: fields.flag("night_consent", false)?,
        })
    }
}

impl JsonRecord for PlaceHint {
    const LIST: &'static str = "hints";
    const FIELDS: &'static [&'static str] = &["device", "place", "verdict", "at"];

    /// `device`, `place`, `verdict`; optional `at`.
    fn read(fields: &Fields<'_>, now: UtcMs) -> Result<Self, Problem> {
        let verdicts = [
            ("enter", HintVerdict::Enter),
            ("leave", HintVerdict::Leave),
            ("nearby", HintVerdict::Nearby),
        ];
        let place = PlaceId(fields.u32("place")?);
        if place.0 == 0 {
            return Err(fields.wrong("place", "is 0; places are numbered from 1"));
        }
        Ok(Self {
            device: fields.device()?,
            place,
            fixed_at: fields.instant("at", now)?,
            verdict: fields.word("verdict", &verdicts)?,
        })
    }
}
