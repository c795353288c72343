//! How far a point is from the borders of a campaign's targets.

use super::answer::{Nearest, TargetTold};
use crate::domain::ids::TargetId;
use crate::domain::units::PointE7;
use crate::snapshot::index::shapes::ShapeView;
use crate::snapshot::view::{AccountView, CampaignView, TargetView};

/// The nearest border of all targets; of those that contain the point where some do.
pub(super) fn nearest(campaign: CampaignView<'_>, point: PointE7) -> Option<Nearest> {
    let account = campaign.account();
    let targets = campaign.targets().filter_map(|id| account.target(id));
    let measured = targets.filter_map(|target| measured(target, point));
    let best = measured.min_by(|(_, one), (_, other)| {
        let of = |to: &Border| (!to.inside, to.distance_m.unwrap_or(f64::INFINITY));
        let ((one_out, one_m), (other_out, other_m)) = (of(one), of(other));
        one_out.cmp(&other_out).then(one_m.total_cmp(&other_m))
    });
    best.map(|(target, Border { inside, distance_m })| Nearest {
        target: told(target),
        inside,
        distance_m: distance_m.map(|distance_m| (distance_m * 100.0).round() / 100.0),
    })
}

struct Border {
    inside: bool,
    distance_m: Option<f64>,
}

fn measured<'s>(target: TargetView<'s>, point: PointE7) -> Option<(TargetView<'s>, Border)> {
    let shape = target.shape()?;
    let distance_m = match shape {
        ShapeView::Everywhere => None,
        // The same on both sides of the border.
        ShapeView::Circle { .. } | ShapeView::Polygon(_) => {
            Some(shape.distance_from_outside_m(point)).filter(|distance_m| distance_m.is_finite())
        }
    };
    Some((target, Border { inside: shape.contains(point), distance_m }))
}

/// A target, with what its owner calls it.
pub(super) fn told(target: TargetView<'_>) -> TargetTold {
    TargetTold { id: target.id().0, key: target.key().to_owned(), name: target.name().to_owned() }
}

/// A target by its number, for one that may be watched no more.
pub(super) fn target_of(account: AccountView<'_>, id: TargetId) -> TargetTold {
    account
        .target(id)
        .map_or_else(|| TargetTold { id: id.0, key: String::new(), name: String::new() }, told)
}

impl TargetTold {
    /// Its name, or else its key, or its number.
    #[must_use]
    pub fn called(&self) -> String {
        match (self.name.as_str(), self.key.as_str()) {
            ("", "") => format!("target {}", self.id),
            ("", key) => key.to_owned(),
            (name, _) => name.to_owned(),
        }
    }
}
