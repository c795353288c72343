//! What each membership has: one table.

use crate::control::documents::Membership;
use crate::control::refusal::Refusal;

/// Something that not every membership has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feature {
    /// Groups of geofences.
    Groups,
    /// Segments, and campaigns that address them.
    Segments,
    /// The visit report, and stays measured at all places.
    VisitReport,
    /// Places and visits from server to server.
    ServerToServer,
}

impl Feature {
    /// Every feature, in the order of the table.
    pub const ALL: [Self; 4] =
        [Self::Groups, Self::Segments, Self::VisitReport, Self::ServerToServer];

    const fn noun(self) -> &'static str {
        match self {
            Self::Groups => "groups of geofences",
            Self::Segments => "segments",
            Self::VisitReport => "visit report",
            Self::ServerToServer => "server-to-server export",
        }
    }
}

/// What a membership has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// By [`Feature::ALL`].
    features: [bool; 4],
    /// Geofences that it may have, if there is a limit.
    pub geofences: Option<u64>,
    /// Distinct geofences that its running campaigns may use together, if there is a limit.
    pub active_geofences: Option<u64>,
    /// Pushes that a month includes, if there is a limit; those past it are billed.
    pub included_pushes: Option<u64>,
}

/// What a push past the included ones costs, KRW.
pub const OVERAGE_KRW: u64 = 5;

/// What Lite costs a month beside that, KRW.
pub const LITE_FEE_KRW: u64 = 1_000_000;

impl Membership {
    /// What it has.
    #[must_use]
    pub const fn terms(self) -> Terms {
        match self {
            Self::Lite => Terms {
                features: [false, false, false, false],
                geofences: Some(100),
                active_geofences: None,
                included_pushes: Some(100_000),
            },
            Self::Basic => Terms {
                features: [true, true, true, false],
                geofences: None,
                active_geofences: Some(2_000),
                included_pushes: None,
            },
            Self::Premium => Terms {
                features: [true, true, true, true],
                geofences: None,
                active_geofences: Some(2_000),
                included_pushes: None,
            },
        }
    }

    /// Whether it has a feature.
    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        let at = Feature::ALL.iter().position(|one| *one == feature);
        at.and_then(|at| self.terms().features.get(at).copied()).unwrap_or(false)
    }

    /// Refuses what it does not have.
    ///
    /// # Errors
    /// [`Refusal::Membership`].
    pub fn must_have(self, feature: Feature) -> Result<(), Refusal> {
        if self.has(feature) {
            return Ok(());
        }
        let remedy = if feature == Feature::ServerToServer {
            "Premium has it"
        } else {
            "Basic and Premium have it"
        };
        Err(Refusal::Membership { membership: self, feature: feature.noun(), remedy })
    }
}
