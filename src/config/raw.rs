//! File and environment, merged and not yet believed; read key by key, so that one bad key hides no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use config::{Value, ValueKind};
use serde::de::DeserializeOwned;

use super::findings::{ConfigError, Findings};
use crate::domain::knobs::BadKnobs;

/// What environment variables begin with.
const PREFIX: &str = "GEOFENCED";

/// Between the prefix, the section and the key.
const SEPARATOR: &str = "__";

/// File and environment, merged.
pub(super) struct Raw {
    file: Option<String>,
    merged: config::Config,
}

impl Raw {
    pub(super) fn read(
        file: Option<&Path>,
        environment: config::Environment,
    ) -> Result<Self, ConfigError> {
        let name = file.map(|file| file.display().to_string());
        let mut builder = config::Config::builder();
        if let Some(path) = file {
            // Read here rather than by the library, which would also try other names and endings.
            let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
                file: path.display().to_string(),
                reason: reason.to_string(),
            })?;
            builder = builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
        }
        let environment =
            environment.prefix(PREFIX).prefix_separator(SEPARATOR).separator(SEPARATOR);
        let merged = builder.add_source(environment).build().map_err(|reason| {
            let file = name.clone().unwrap_or_else(|| "environment".to_owned());
            ConfigError::Unreadable { file, reason: reason.to_string() }
        })?;
        Ok(Self { file: name, merged })
    }

    pub(super) fn refuse_unknown_sections(&self, known: &[&str], wrong: &mut Findings<'_>) {
        let ValueKind::Table(sections) = &self.merged.cache.kind else { return };
        let unknown = sections.keys().filter(|name| !known.contains(&name.as_str()));
        for name in unknown.collect::<BTreeSet<_>>() {
            wrong.push(name, format!("is no section; allowed are {}", known.join(", ")));
        }
    }

    /// The section that `wrong` is at. A key that can't be read is reported and left at its default; then the
    /// part checks what it got.
    pub(super) fn section<T>(&self, wrong: &mut Findings<'_>, check: fn(&T) -> BadKnobs) -> T
    where
        T: Default + DeserializeOwned,
    {
        let mut good = BTreeMap::new();
        match self.merged.get::<Value>(wrong.section()).map(|written| written.kind) {
            Ok(ValueKind::Table(written)) => {
                for (key, value) in written.into_iter().collect::<BTreeMap<_, _>>() {
                    match alone::<T>(&key, value.clone()) {
                        Ok(_) => drop(good.insert(key, value)),
                        Err(error) => {
                            let problem = problem(wrong.section(), &key, &value, &error, check);
                            wrong.push(&key, problem);
                        }
                    }
                }
            }
            Ok(other) => wrong.push("", format!("is {other}; allowed is a table of keys")),
            Err(_absent) => {}
        }
        let section: T = table(good).try_deserialize().unwrap_or_default();
        check(&section).into_iter().for_each(|bad| wrong.adopt(&bad));
        section
    }

    /// Where the value of a key, or what there is of a section, was written.
    pub(super) fn place(&self, key: &str) -> String {
        let inside = format!("{key}.");
        let leaves = self.leaves();
        let mut written =
            leaves.iter().filter(|(name, _)| *name == key || name.starts_with(&inside)).peekable();
        let Some((first, _)) = written.peek().copied() else { return "default".to_owned() };
        let by_variables = written.all(|(_, value)| value.origin() == Some("the environment"));
        match &self.file {
            Some(file) if !by_variables => file.clone(),
            _ => variable(first),
        }
    }

    /// Every key that was written, `section.key` to its text.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        self.leaves().into_iter().map(|(key, value)| (key, value.to_string())).collect()
    }

    fn leaves(&self) -> BTreeMap<String, Value> {
        let mut leaves = BTreeMap::new();
        let mut open = vec![(String::new(), self.merged.cache.clone())];
        while let Some((key, value)) = open.pop() {
            if let ValueKind::Table(table) = value.kind {
                open.extend(table.into_iter().map(|(name, value)| (joined(&key, &name), value)));
            } else {
                leaves.insert(key, value);
            }
        }
        leaves
    }
}

/// `section.key`, or the key alone outside of sections.
pub(super) fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// A section with this key and defaults otherwise.
fn alone<T: DeserializeOwned>(
    key: &str,
    value: impl Into<Value>,
) -> Result<T, config::ConfigError> {
    table([(key.to_owned(), value.into())].into()).try_deserialize()
}

fn table(keys: BTreeMap<String, Value>) -> Value {
    Value::new(None, ValueKind::Table(keys.into_iter().collect()))
}

/// What is wrong with a key that can't be read, as a sentence after its name.
fn problem<T: DeserializeOwned>(
    section: &str,
    key: &str,
    value: &Value,
    error: &config::ConfigError,
    check: fn(&T) -> BadKnobs,
) -> String {
    let said = plain(error);
    if let Some((_, known)) = said.split_once("unknown field").and_then(|_| expected(&said)) {
        return format!("is no key of [{section}]; allowed are {known}");
    }
    let value_text = shown(value);
    if let Some(allowed) = allowed_near(key, value, check) {
        return format!("is {value_text}; allowed is {allowed}");
    }
    if let config::ConfigError::Type { expected, .. } = innermost(error) {
        return format!("is {value_text}; allowed is {expected}");
    }
    // The library does not say which words a closed set has; another deserializer over the same value does.
    let json = serde_json::json!({ key: to_json(value.clone()) });
    let said = serde_json::from_value::<T>(json).err().map_or(said, |error| error.to_string());
    match expected(&said).filter(|_| said.starts_with("unknown variant")) {
        Some((_, words)) => format!("is {value_text}; allowed is {words}"),
        None => format!("is {value_text}, which can't be read: {said}"),
    }
}

/// What a library lists as expected, without its counting words.
fn expected(said: &str) -> Option<(&str, &str)> {
    let (before, known) = said.split_once("expected ")?;
    Some((before, known.trim_start_matches("one of ")))
}

/// What is allowed for a whole number that the knob's type can't hold: what its part says of the nearest one that
/// it can.
fn allowed_near<T: DeserializeOwned>(
    key: &str,
    value: &Value,
    check: fn(&T) -> BadKnobs,
) -> Option<String> {
    let is_negative = whole(value)? < 0;
    let near = if is_negative { &[0][..] } else { &LARGEST[..] };
    let (nearest, section) =
        near.iter().find_map(|near| Some((near, alone::<T>(key, *near).ok()?)))?;
    let said = check(&section).into_iter().find(|bad| bad.key == key);
    Some(match said {
        Some(bad) => bad.allowed,
        None if is_negative => "0 or more".to_owned(),
        None => format!("{nearest} or less"),
    })
}

/// The largest numbers that the types of knobs hold.
const LARGEST: [i64; 4] = [i64::MAX, u32::MAX as i64, u16::MAX as i64, u8::MAX as i64];

fn whole(value: &Value) -> Option<i128> {
    match &value.kind {
        ValueKind::I64(number) => Some(i128::from(*number)),
        ValueKind::U64(number) => Some(i128::from(*number)),
        ValueKind::I128(number) => Some(*number),
        ValueKind::String(text) => text.trim().parse().ok(),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::Table(_)
        | ValueKind::Array(_) => None,
    }
}

fn shown(value: &Value) -> String {
    if let ValueKind::String(text) = &value.kind { format!("{text:?}") } else { value.to_string() }
}

/// A library error without the places that it wraps around itself.
fn innermost(error: &config::ConfigError) -> &config::ConfigError {
    if let config::ConfigError::At { error, .. } = error { innermost(error) } else { error }
}

fn plain(error: &config::ConfigError) -> String {
    let error = innermost(error);
    if let config::ConfigError::Message(said) = error { said.clone() } else { error.to_string() }
}

fn to_json(value: Value) -> serde_json::Value {
    match value.kind {
        ValueKind::Table(table) => {
            table.into_iter().map(|(key, value)| (key, to_json(value))).collect()
        }
        ValueKind::Array(values) => values.into_iter().map(to_json).collect(),
        ValueKind::Boolean(on) => on.into(),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        ValueKind::Float(number) => number.into(),
        ValueKind::String(text) => text.into(),
        ValueKind::Nil => serde_json::Value::Null,
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
    }
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", key.to_uppercase().replace('.', SEPARATOR))
}
