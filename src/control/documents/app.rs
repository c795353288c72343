//! An app whose users are reached.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, text};
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// An app of an account. Its number is what pings name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// For people, 1 to 100 characters.
    pub name: String,
    /// Its package name or bundle id, 1 to 200 characters; no other app of the account has it on this platform.
    pub package: String,
    /// The system it runs on.
    pub platform: AppPlatform,
}

/// The system an app runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppPlatform {
    /// Android.
    Android,
    /// iOS.
    Ios,
}

impl AppPlatform {
    /// As the engine's snapshot has it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
        }
    }
}

impl Document for App {
    const KIND: Kind = Kind::App;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.package
    }

    fn natural(&self) -> Option<String> {
        Some(format!("{} on {}", self.package, self.platform.label()))
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        faults.extend(text("/package", &self.package, 200, true));
        faults
    }
}
