//! What credentials allow: one account, some of its apps, some scopes.

use std::fmt;
use std::sync::Arc;

use super::token::TokenHash;
use crate::domain::ids::{AccountId, AppId};

/// A kind of work.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    serde::Serialize,
    serde::Deserialize,
    clap::ValueEnum,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send pings, outcomes, profiles and hints.
    Ingest,
    /// Read the account's jobs and events, and acknowledge them.
    Queue,
    /// Change and read the account's campaigns, and all that they are made of.
    Campaigns,
    /// Run the daemon: publish snapshots, reload, look at everything. Not bound to the account.
    Admin,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingest => "ingest",
            Self::Queue => "queue",
            Self::Campaigns => "campaigns",
            Self::Admin => "admin",
        })
    }
}

/// The apps that credentials may speak for. In the file: `"all"`, or a list of numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Apps {
    /// Every app of the account.
    All,
    /// These, ascending.
    Only(Arc<[AppId]>),
}

impl Apps {
    /// These apps, in any order.
    #[must_use]
    pub fn only(apps: impl IntoIterator<Item = AppId>) -> Self {
        let mut apps: Vec<AppId> = apps.into_iter().collect();
        apps.sort_unstable();
        apps.dedup();
        Self::Only(apps.into())
    }

    /// Whether this app is among them.
    #[must_use]
    pub fn has(&self, app: AppId) -> bool {
        match self {
            Self::All => true,
            Self::Only(apps) => apps.binary_search(&app).is_ok(),
        }
    }

    /// Whether all of these are among them.
    #[must_use]
    pub fn has_all(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(_), Self::Only(others)) => others.iter().all(|app| self.has(*app)),
        }
    }
}

impl fmt::Display for Apps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Only(apps) => {
                let apps: Vec<String> = apps.iter().map(ToString::to_string).collect();
                f.write_str(&apps.join(","))
            }
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum AppsInFile {
    Word(String),
    List(Vec<AppId>),
}

impl serde::Serialize for Apps {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => AppsInFile::Word("all".to_owned()),
            Self::Only(apps) => AppsInFile::List(apps.to_vec()),
        }
        .serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Apps {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match AppsInFile::deserialize(deserializer) {
            Ok(AppsInFile::Word(word)) if word == "all" => Ok(Self::All),
            Ok(AppsInFile::List(apps)) => Ok(Self::only(apps)),
            Ok(AppsInFile::Word(_)) | Err(_) => Err(serde::de::Error::custom(
                "apps is neither \"all\" nor a list of app numbers such as [1, 2]",
            )),
        }
    }
}

/// What somebody who showed good credentials may do.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The account they act for.
    pub account: AccountId,
    /// The apps they may speak for.
    pub apps: Apps,
    /// What they may do.
    pub scopes: Arc<[Scope]>,
    /// What the operator called these credentials; for logs.
    pub name: Arc<str>,
    /// Which entry of the book it came from, to ask again after a reload.
    pub(super) credential: Credential,
}

/// What was shown.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    Token(TokenHash),
    Certificate(Arc<super::authority::CertificateNames>),
}

impl Grant {
    /// Whether they may do this kind of work.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
