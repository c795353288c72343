//! JSON bodies read as they come, record by record, so that an error can name the field that is wrong and a body
//! costs no more memory than its records do.
//!
//! A field that is not known, or is given twice, is refused where it stands; what is nested where a plain value
//! belongs is passed over without being kept. The records' own fields are read by [`fields`](super::fields).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::fields::{Fields, Name, Scalar, pointer};
use crate::domain::ids::AppId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::units::UtcMs;
use crate::wire::limits::MAX_FRAME_RECORDS;

/// A kind of record that bodies may carry.
pub(super) trait JsonRecord: Sized {
    /// The field of the body that holds the list.
    const LIST: &'static str;
    /// The fields that a record may have.
    const FIELDS: &'static [&'static str];

    /// Makes one of its fields. What names no instant is at `now`.
    fn read(fields: &Fields<'_>, now: UtcMs) -> Result<Self, Problem>;
}

/// A body of records: the app, and the records.
pub(super) fn body<T: JsonRecord>(bytes: &[u8], now: UtcMs) -> Result<(AppId, Vec<T>), Problem> {
    let mut whole = Whole { now, app: None, records: None, place: Place::Body, wrong: None };
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let read = from.deserialize_any(&mut whole).and_then(|()| from.end());
    if let Some(problem) = whole.wrong {
        return Err(problem);
    }
    read.map_err(|error| match error.classify() {
        Category::Data => whole.place.misshapen(T::LIST),
        Category::Io | Category::Syntax | Category::Eof => {
            let list = T::LIST;
            let detail = format!("{error}; send an object with \"app\" and \"{list}\"");
            Problem::new(Kind::BadJson, detail)
        }
    })?;
    let missing = |field: &str| Problem::field(format!("/{field}"), "is missing");
    let app = whole.app.ok_or_else(|| missing("app"))?;
    let records = whole.records.ok_or_else(|| missing(T::LIST))?;
    if records.is_empty() { Err(wrong_count(T::LIST, "no entries")) } else { Ok((app, records)) }
}

fn wrong_count(list: &str, found: &str) -> Problem {
    Problem::field(format!("/{list}"), format!("has {found}; send 1 to {MAX_FRAME_RECORDS}"))
}

/// What was read of a body so far.
struct Whole<T> {
    now: UtcMs,
    app: Option<AppId>,
    records: Option<Vec<T>>,
    /// What is being read, in case that it has another shape.
    place: Place,
    /// The first field that is wrong. It ends the reading; what the JSON reader says then means nothing.
    wrong: Option<Problem>,
}

/// What a body consists of.
#[derive(Clone, Copy)]
enum Place {
    Body,
    List,
    Record(usize),
}

impl Place {
    fn misshapen(self, list: &str) -> Problem {
        match self {
            Self::Body => Problem::field("", "is not an object"),
            Self::List => Problem::field(format!("/{list}"), "is not a list"),
            Self::Record(at) => Problem::field(format!("/{list}/{at}"), "is not an object"),
        }
    }
}

impl<T> Whole<T> {
    fn refuse<E: serde::de::Error>(&mut self, problem: Problem) -> E {
        self.wrong = Some(problem);
        E::custom("a field is wrong")
    }
}

impl<'de, T: JsonRecord> Visitor<'de> for &mut Whole<T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let (is_app, is_list) = (name == "app", name == T::LIST);
            let problem = if !is_app && !is_list {
                Some("is not a field of this object")
            } else if (is_app && self.app.is_some()) || (is_list && self.records.is_some()) {
                Some("is given twice")
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(self.refuse(Problem::field(pointer("", &name), problem)));
            }
            if is_list {
                map.next_value_seed(List(self))?;
                continue;
            }
            match map.next_value::<Scalar<'_>>()?.as_u32() {
                Ok(app) => self.app = Some(AppId(app)),
                Err(detail) => return Err(self.refuse(Problem::field("/app", detail))),
            }
        }
        Ok(())
    }
}

/// The list of records.
struct List<'w, T>(&'w mut Whole<T>);

impl<'de, T: JsonRecord> DeserializeSeed<'de> for List<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.place = Place::List;
        from.deserialize_any(self)
    }
}

impl<'de, T: JsonRecord> Visitor<'de> for List<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let whole = self.0;
        let mut records = Vec::new();
        let mut fields = Fields::of(T::FIELDS);
        loop {
            let at = records.len();
            if at == MAX_FRAME_RECORDS {
                let Some(IgnoredAny) = list.next_element()? else { break };
                return Err(whole.refuse(wrong_count(T::LIST, "more entries")));
            }
            whole.place = Place::Record(at);
            fields.begin(T::LIST, at);
            match list.next_element_seed(&mut fields) {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => {
                    whole.wrong = fields.take_wrong();
                    return Err(error);
                }
            }
            match T::read(&fields, whole.now) {
                Ok(record) => records.push(record),
                Err(problem) => return Err(whole.refuse(problem)),
            }
        }
        whole.records = Some(records);
        Ok(())
    }
}
