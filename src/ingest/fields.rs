//! The fields of one record of a JSON body: plain values under known names, each at most once.
//!
//! [`json`](super::json) has them filled record after record; [`records`](super::records) makes records of them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::ids::DeviceId;
use crate::domain::problem::Problem;
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;

/// The fields of the object at hand, and where it lies in the body.
pub(super) struct Fields<'de> {
    names: &'static [&'static str],
    /// By name.
    values: Vec<Option<Scalar<'de>>>,
    list: &'static str,
    at: usize,
    wrong: Option<Problem>,
}

impl<'de> Fields<'de> {
    /// No object yet; it may have these fields and no others.
    pub(super) fn of(names: &'static [&'static str]) -> Self {
        Self { names, values: vec![None; names.len()], list: "", at: 0, wrong: None }
    }

    /// What is read next is this entry of a list.
    pub(super) fn begin(&mut self, list: &'static str, at: usize) {
        (self.list, self.at) = (list, at);
        self.values.fill(None);
    }

    /// What was wrong with the names of the fields.
    pub(super) fn take_wrong(&mut self) -> Option<Problem> {
        self.wrong.take()
    }

    /// A problem with a field of this object.
    pub(super) fn wrong(&self, field: &str, detail: impl Into<String>) -> Problem {
        Problem::field(pointer(&format!("/{}/{}", self.list, self.at), field), detail)
    }

    fn given(&self, field: &str) -> Option<&Scalar<'de>> {
        let at = self.names.iter().position(|name| *name == field)?;
        self.values[at].as_ref()
    }

    fn required(&self, field: &str) -> Result<&Scalar<'de>, Problem> {
        self.given(field).ok_or_else(|| self.wrong(field, "is missing"))
    }

    /// Whether it was given.
    pub(super) fn has(&self, field: &str) -> bool {
        self.given(field).is_some()
    }

    /// Any number.
    pub(super) fn number(&self, field: &str) -> Result<f64, Problem> {
        let number = self.required(field)?.as_f64();
        number.ok_or_else(|| self.wrong(field, "is not a number"))
    }

    /// A whole number.
    pub(super) fn u32(&self, field: &str) -> Result<u32, Problem> {
        self.required(field)?.as_u32().map_err(|detail| self.wrong(field, detail))
    }

    /// Whole metres; what is larger than the wire can say is as large as it can say.
    pub(super) fn accuracy_m(&self) -> Result<u16, Problem> {
        if !self.has("accuracy_m") {
            return Ok(0);
        }
        let metres = self.number("accuracy_m")?;
        if metres < 0.0 {
            return Err(self.wrong("accuracy_m", "is negative"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and a cast from float saturates"
        )]
        let metres = libm::ceil(metres) as u16;
        Ok(metres)
    }

    /// True or false.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool, Problem> {
        match self.given(field) {
            None => Ok(default),
            Some(Scalar::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(field, "is neither true nor false")),
        }
    }

    fn text(&self, field: &str) -> Result<&str, Problem> {
        let Scalar::Text(text) = self.required(field)? else {
            return Err(self.wrong(field, "is not a text"));
        };
        Ok(text)
    }

    /// The device.
    pub(super) fn device(&self) -> Result<DeviceId, Problem> {
        self.id("device").map(DeviceId)
    }

    /// A UUID.
    pub(super) fn id(&self, field: &str) -> Result<[u8; 16], Problem> {
        let text = self.text(field)?;
        DeviceId::parse(text).map(|id| id.0).map_err(|error| self.wrong(field, error.to_string()))
    }

    /// What the device runs.
    pub(super) fn platform(&self) -> Result<Platform, Problem> {
        if !self.has("platform") {
            return Ok(Platform::Unknown);
        }
        self.word("platform", &[("android", Platform::Android), ("ios", Platform::Ios)])
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, field: &str, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text(field)?;
        let known = words.iter().find(|(word, _)| *word == text).map(|&(_, meaning)| meaning);
        known.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
            self.wrong(field, format!("{text:?} is none of {}", words.join(", ")))
        })
    }

    /// RFC 3339, or milliseconds since 1970.
    pub(super) fn instant(&self, field: &str, default: UtcMs) -> Result<UtcMs, Problem> {
        let read = match self.given(field) {
            None => Some(default),
            Some(Scalar::Whole(number)) => i64::try_from(*number).ok().map(UtcMs),
            Some(Scalar::Text(text)) => rfc3339(text),
            Some(Scalar::Bool(_) | Scalar::Fraction(_) | Scalar::Other) => None,
        };
        read.ok_or_else(|| {
            let detail = "is no instant: write 2026-01-31T09:00:00Z, or milliseconds since 1970";
            self.wrong(field, detail)
        })
    }
}

/// An instant with its offset, in any year of four digits: whether it can be believed is for the checks of pings to
/// say. A timestamp of the library ends a day and two hours before the year 10000, so it is not asked.
fn rfc3339(text: &str) -> Option<UtcMs> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time()?);
    let offset_s = i64::from(pieces.to_numeric_offset()?.seconds());
    let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let since = local.duration_since(epoch).as_millis();
    Some(UtcMs(i64::try_from(since).ok()? - offset_s * 1000))
}

impl<'de> DeserializeSeed<'de> for &mut Fields<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Fields<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let place = self.names.iter().position(|known| *known == name);
            let problem = match place {
                None => Some("is not a field of this object"),
                Some(place) if self.values[place].is_some() => Some("is given twice"),
                Some(_) => None,
            };
            if let Some(problem) = problem {
                self.wrong = Some(self.wrong(&name, problem));
                return Err(serde::de::Error::custom("a field is wrong"));
            }
            let value = map.next_value()?;
            if let Some(place) = place {
                self.values[place] = Some(value);
            }
        }
        Ok(())
    }
}

/// The JSON pointer of a field. `~` and `/` are escaped as RFC 6901 says: unknown fields may have any name, of which
/// an answer quotes the beginning.
pub(super) fn pointer(object: &str, field: &str) -> String {
    let begun: String = field.chars().take(POINTER_CHARS).collect();
    format!("{object}/{}", begun.replace('~', "~0").replace('/', "~1"))
}

/// Far longer than any field that there is.
const POINTER_CHARS: usize = 200;

/// A field's name, borrowed from the body where it has no escapes.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Scalar::Text(name) = Scalar::deserialize(from)? else {
            return Err(serde::de::Error::custom("a name is a text"));
        };
        Ok(Self(name))
    }
}

/// A plain value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Scalar<'de> {
    Bool(bool),
    Whole(i128),
    Fraction(f64),
    Text(Cow<'de, str>),
    /// Null, a list or an object: nothing that any field has.
    Other,
}

impl Scalar<'_> {
    /// A whole number, or what is wrong.
    pub(super) fn as_u32(&self) -> Result<u32, &'static str> {
        let number = match self {
            Self::Whole(number) => u32::try_from(*number).ok(),
            Self::Bool(_) | Self::Fraction(_) | Self::Text(_) | Self::Other => None,
        };
        number.ok_or("is not a whole number of 0 to 4294967295")
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "any number is read as the nearest one")]
            Self::Whole(number) => Some(*number as f64),
            Self::Fraction(number) => Some(*number),
            Self::Bool(_) | Self::Text(_) | Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Whole(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Whole(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Fraction(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(value.to_owned().into()))
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar<'de>, A::Error> {
        while let Some(IgnoredAny) = list.next_element()? {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while let Some((IgnoredAny, IgnoredAny)) = map.next_entry()? {}
        Ok(Scalar::Other)
    }
}
