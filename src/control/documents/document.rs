//! What all documents have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::account::Account;
use crate::control::refusal::Refusal;
use crate::control::store::{DeviceList, Key, Kind, Link, Record, StoreError};
use crate::domain::problem::Fault;
use crate::domain::units::UtcMs;

/// Something an account has.
pub trait Document:
    Serialize + DeserializeOwned + Clone + Send + utoipa::ToSchema + 'static
{
    /// What it is.
    const KIND: Kind;

    /// For people, and to be searched.
    fn name(&self) -> &str;

    /// The owner's own code for it, to be searched.
    fn code(&self) -> &str {
        ""
    }

    /// What no other of the account may share.
    fn natural(&self) -> Option<String> {
        None
    }

    /// The state that a new one is in, where there are states.
    const FIRST_STATE: &'static str = "";

    /// The state that this one begins in.
    fn first_state(&self) -> &'static str {
        Self::FIRST_STATE
    }

    /// The state of one that takes the place of another in `state`.
    fn state_after(&self, _old: &Self, state: &str) -> String {
        state.to_owned()
    }

    /// Other documents that it names.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Every field whose value is not allowed, by itself or with others of the document.
    fn faults(&self, account: &Account) -> Vec<Fault>;

    /// Its lists of advertising ids, which are kept apart from the document, sealed. Each by its pointer.
    fn devices(&mut self) -> Vec<(DeviceList, &'static str, &mut Vec<String>)> {
        Vec::new()
    }
}

/// That a document names another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Need {
    /// The field that names it, as a JSON pointer.
    pub pointer: String,
    /// What it names.
    pub link: Link,
}

impl Need {
    /// Each number of a list.
    pub fn each(pointer: &str, kind: Kind, ids: &[u32]) -> Vec<Self> {
        let need = |(at, id): (usize, &u32)| Self {
            pointer: format!("{pointer}/{at}"),
            link: Link { kind, id: *id },
        };
        ids.iter().enumerate().map(need).collect()
    }

    /// A number that may be missing.
    pub fn maybe(pointer: &str, kind: Kind, id: Option<u32>) -> Vec<Self> {
        id.map(|id| Self { pointer: pointer.to_owned(), link: Link { kind, id } })
            .into_iter()
            .collect()
    }
}

/// A document as callers read it: with what the service adds.
#[derive(Clone, PartialEq, Debug, Serialize, utoipa::ToSchema)]
pub struct Shown<D> {
    /// Its number among those of its kind, from 1.
    pub id: u32,
    /// Grows by one with each change; also the ETag.
    pub revision: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: jiff::Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: jiff::Timestamp,
    /// Where it stands, where its kind has states.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// The document.
    #[serde(flatten)]
    pub document: D,
}

/// What the service adds to a document; a body that was read may be sent back with them.
pub const ADDED: [&str; 6] = ["id", "revision", "created_at", "updated_at", "state", "epoch"];

impl<D: Document> Shown<D> {
    /// A record, understood.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn of(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.key.id,
            revision: record.revision,
            created_at: instant(record.created_at),
            updated_at: instant(record.updated_at),
            state: record.content.state.clone(),
            document: read(record)?,
        })
    }
}

/// The document of a record.
///
/// # Errors
/// [`StoreError::Corrupt`]: it was written by this program, so it reads.
pub fn read<D: Document>(record: &Record) -> Result<D, StoreError> {
    serde_json::from_str(&record.content.body).map_err(|error| {
        let Key { account, kind, id } = record.key;
        StoreError::Corrupt(format!("{kind} {id} of account {account}: {error}"))
    })
}

/// An instant as people read it.
#[must_use]
pub fn instant(at: UtcMs) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// The document of a request's body. What the service adds is passed over, anything else that is unknown refused.
///
/// # Errors
/// [`Refusal::Faults`] with the field that does not read.
pub fn parse<D: Document>(mut body: serde_json::Value) -> Result<D, Refusal> {
    let Some(members) = body.as_object_mut() else {
        return Err(Refusal::field("", format!("the body is no object; allowed: one {}", D::KIND)));
    };
    for added in ADDED {
        members.remove(added);
    }
    serde_path_to_error::deserialize(&body).map_err(|error| {
        let pointer = pointer_of(&error.path().to_string());
        Refusal::field(pointer, error.inner().to_string())
    })
}

/// `windows[0].start` as a JSON pointer: `/windows/0/start`.
#[must_use]
pub fn pointer_of(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split(['.', '[']).map(|part| part.trim_end_matches(']')) {
        if !part.is_empty() && part != "?" {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
    }
    pointer
}

/// The faults of a text: how long it is, and that it can be shown in one line.
#[must_use]
pub fn text(pointer: &str, value: &str, most: usize, required: bool) -> Vec<Fault> {
    let chars = value.chars().count();
    let least = usize::from(required);
    let mut faults = Vec::new();
    if !(least..=most).contains(&chars) || (required && value.trim().is_empty()) {
        let field = pointer.rsplit('/').next().unwrap_or(pointer);
        let detail = format!("{field} has {chars} characters; allowed: {least} to {most}");
        faults.push(Fault::new(pointer, detail));
    }
    if value.chars().any(char::is_control) {
        let field = pointer.rsplit('/').next().unwrap_or(pointer);
        faults.push(Fault::new(
            pointer,
            format!("{field} has a control character; allowed: one line of text"),
        ));
    }
    faults
}
