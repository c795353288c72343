//! What has happened to a campaign or an import, told to whoever follows the account.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::Document;
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// Something that has happened. `created_at` is when; its number only grows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// What has happened.
    pub of: NoticeOf,
    /// The number of the campaign or import.
    pub subject: u32,
    /// What that is called.
    pub name: String,
    /// More about it, for people; may be empty.
    #[serde(default)]
    pub detail: String,
}

/// What a notice is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeOf {
    /// A campaign was made, also by copying one.
    CampaignCreated,
    /// A campaign runs on its test devices.
    CampaignTesting,
    /// A campaign runs.
    CampaignStarted,
    /// The last days of a campaign that tests or runs have begun; told once for each end date.
    CampaignAboutToEnd,
    /// The last day of a campaign is over.
    CampaignEnded,
    /// A file has come to its end; the detail is the state that it is in.
    ImportEnded,
}

impl NoticeOf {
    /// Its name in JSON, and as the event of a stream.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CampaignCreated => "campaign_created",
            Self::CampaignTesting => "campaign_testing",
            Self::CampaignStarted => "campaign_started",
            Self::CampaignAboutToEnd => "campaign_about_to_end",
            Self::CampaignEnded => "campaign_ended",
            Self::ImportEnded => "import_ended",
        }
    }
}

impl Document for Notice {
    const KIND: Kind = Kind::Notice;

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        self.of.label()
    }

    /// That an end is near is told once.
    fn natural(&self) -> Option<String> {
        let once = self.of == NoticeOf::CampaignAboutToEnd;
        once.then(|| format!("{} {} {}", self.of.label(), self.subject, self.detail))
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        Vec::new()
    }
}
