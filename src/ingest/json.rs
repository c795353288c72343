//! JSON bodies read field by field, so that an error can name the one that is wrong.

use serde_json::{Map, Value};

use crate::domain::ids::{AppId, DeviceId, JobId, PlaceId};
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::problem::{Kind, Problem};
use crate::domain::report::{HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile};
use crate::domain::units::{PointE7, UtcMs};
use crate::wire::limits::MAX_FRAME_RECORDS;

/// A body of records: the app, and each record as `read` makes it.
pub(super) fn body<T>(
    bytes: &[u8],
    list: &'static str,
    read: impl Fn(&mut Fields) -> Result<T, Problem>,
) -> Result<(AppId, Vec<T>), Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(Kind::BadJson, format!("{error}; send an object with \"app\" and \"{list}\""))
    })?;
    let mut fields = Fields::of(value, String::new())?;
    let app = AppId(fields.u32("app")?);
    let Value::Array(records) = fields.required(list)? else {
        return Err(Problem::field(format!("/{list}"), "is not a list"));
    };
    fields.no_others()?;
    if records.is_empty() || records.len() > MAX_FRAME_RECORDS {
        let detail = format!("has {} entries; send 1 to {MAX_FRAME_RECORDS}", records.len());
        return Err(Problem::field(format!("/{list}"), detail));
    }
    let records = records.into_iter().enumerate().map(|(at, record)| {
        let mut fields = Fields::of(record, format!("/{list}/{at}"))?;
        let made = read(&mut fields)?;
        fields.no_others()?;
        Ok(made)
    });
    Ok((app, records.collect::<Result<_, Problem>>()?))
}

/// `device`, `lat`, `lon`; optional `at` (else `now`), `accuracy_m`, `mock`, `background`, `ads_consent`,
/// `night_consent`, `platform`.
pub(super) fn ping(fields: &mut Fields, now: UtcMs) -> Result<Ping, Problem> {
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
    Ok(Ping {
        device,
        lat_e7: at.lat,
        lon_e7: at.lon,
        fixed_at: fields.instant("at", now)?,
        accuracy_m: fields.accuracy_m()?,
        flags: PingFlags(set.fold(platform, |all, bit| all | bit)),
    })
}

/// `device`, `job`, `kind` (delivered, clicked, dismissed); optional `at`.
pub(super) fn outcome(fields: &mut Fields, now: UtcMs) -> Result<Outcome, Problem> {
    let kinds = [
        ("delivered", OutcomeKind::Delivered),
        ("clicked", OutcomeKind::Clicked),
        ("dismissed", OutcomeKind::Dismissed),
    ];
    Ok(Outcome {
        device: fields.device()?,
        job: JobId(fields.id("job")?),
        happened_at: fields.instant("at", now)?,
        kind: fields.word("kind", &kinds)?,
    })
}

/// `device`; optional `echo`, `platform`, `ads_consent`, `night_consent`.
pub(super) fn profile(fields: &mut Fields) -> Result<Profile, Problem> {
    Ok(Profile {
        device: fields.device()?,
        echo: if fields.has("echo") { fields.id("echo")? } else { [0; 16] },
        platform: fields.platform()?,
        ads_consent: fields.flag("ads_consent", true)?,
        night_consent: fields.flag("night_consent", false)?,
    })
}

/// `device`, `place`, `verdict` (enter, leave, nearby); optional `at`.
pub(super) fn hint(fields: &mut Fields, now: UtcMs) -> Result<PlaceHint, Problem> {
    let verdicts = [
        ("enter", HintVerdict::Enter),
        ("leave", HintVerdict::Leave),
        ("nearby", HintVerdict::Nearby),
    ];
    let place = PlaceId(fields.u32("place")?);
    if place.0 == 0 {
        return Err(fields.wrong("place", "is 0; places are numbered from 1".to_owned()));
    }
    Ok(PlaceHint {
        device: fields.device()?,
        place,
        fixed_at: fields.instant("at", now)?,
        verdict: fields.word("verdict", &verdicts)?,
    })
}

/// The fields of an object that are not read yet, and where the object lies in the body.
pub(super) struct Fields {
    left: Map<String, Value>,
    pointer: String,
}

impl Fields {
    fn of(value: Value, pointer: String) -> Result<Self, Problem> {
        match value {
            Value::Object(left) => Ok(Self { left, pointer }),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(Problem::field(pointer, "is not an object")),
        }
    }

    fn wrong(&self, field: &str, detail: String) -> Problem {
        // `~` and `/` are escaped as RFC 6901 says: unknown fields may have any name.
        let field = field.replace('~', "~0").replace('/', "~1");
        Problem::field(format!("{}/{field}", self.pointer), detail)
    }

    fn has(&self, field: &str) -> bool {
        self.left.contains_key(field)
    }

    fn required(&mut self, field: &str) -> Result<Value, Problem> {
        self.left.remove(field).ok_or_else(|| self.wrong(field, "is missing".to_owned()))
    }

    fn no_others(&self) -> Result<(), Problem> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(field) => Err(self.wrong(field, "is not a field of this object".to_owned())),
        }
    }

    fn number(&mut self, field: &str) -> Result<f64, Problem> {
        let value = self.required(field)?;
        value.as_f64().ok_or_else(|| self.wrong(field, "is not a number".to_owned()))
    }

    fn u32(&mut self, field: &str) -> Result<u32, Problem> {
        let value = self.required(field)?;
        value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| self.wrong(field, "is not a whole number of 0 to 4294967295".to_owned()))
    }

    /// Whole metres; what is larger than the wire can say is as large as it can say.
    fn accuracy_m(&mut self) -> Result<u16, Problem> {
        if !self.has("accuracy_m") {
            return Ok(0);
        }
        let metres = self.number("accuracy_m")?;
        if metres < 0.0 {
            return Err(self.wrong("accuracy_m", "is negative".to_owned()));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and a cast from float saturates"
        )]
        let metres = libm::ceil(metres) as u16;
        Ok(metres)
    }

    fn flag(&mut self, field: &str, default: bool) -> Result<bool, Problem> {
        match self.left.remove(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.wrong(field, "is neither true nor false".to_owned())),
        }
    }

    fn text(&mut self, field: &str) -> Result<String, Problem> {
        let Value::String(text) = self.required(field)? else {
            return Err(self.wrong(field, "is not a text".to_owned()));
        };
        Ok(text)
    }

    fn device(&mut self) -> Result<DeviceId, Problem> {
        self.id("device").map(DeviceId)
    }

    fn id(&mut self, field: &str) -> Result<[u8; 16], Problem> {
        let text = self.text(field)?;
        DeviceId::parse(&text).map(|id| id.0).map_err(|error| self.wrong(field, error.to_string()))
    }

    fn platform(&mut self) -> Result<Platform, Problem> {
        if !self.has("platform") {
            return Ok(Platform::Unknown);
        }
        self.word("platform", &[("android", Platform::Android), ("ios", Platform::Ios)])
    }

    fn word<T: Copy>(&mut self, field: &str, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text(field)?;
        let known = words.iter().find(|(word, _)| *word == text).map(|&(_, meaning)| meaning);
        known.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
            self.wrong(field, format!("{text:?} is none of {}", words.join(", ")))
        })
    }

    /// RFC 3339, or milliseconds since 1970.
    fn instant(&mut self, field: &str, default: UtcMs) -> Result<UtcMs, Problem> {
        let read = match self.left.remove(field) {
            None => Some(default),
            Some(Value::Number(number)) => number.as_i64().map(UtcMs),
            Some(Value::String(text)) => {
                text.parse::<jiff::Timestamp>().ok().map(|at| UtcMs(at.as_millisecond()))
            }
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        read.ok_or_else(|| {
            let detail = "is no instant: write 2026-01-31T09:00:00Z, or milliseconds since 1970";
            self.wrong(field, detail.to_owned())
        })
    }
}
