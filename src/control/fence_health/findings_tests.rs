//! Each rule at its edges.

use super::fences::{Fence, FenceKind, FenceName};
use super::findings::{Finding, Known};
use crate::control::compiler::targets::TargetKey;
use crate::domain::footfall::Footfall;
use crate::domain::ids::TargetId;
use crate::domain::units::UtcMs;

/// A geofence of this number, 100 m in size.
pub(super) fn fence(id: u32) -> Fence {
    Fence {
        key: TargetKey::Geofence(id),
        target: TargetId(id),
        name: name(FenceKind::Geofence, id),
        size_m: 100.0,
        since: UtcMs(0),
        campaigns: vec![1],
    }
}

fn name(kind: FenceKind, id: u32) -> FenceName {
    FenceName { kind, id, name: format!("Fence {id}"), condition: None }
}

/// Fixes of accuracies that lie in the middle of a class.
fn fixes(of: &[(u16, u32)]) -> Footfall {
    let mut footfall = Footfall { enters: 1, ..Footfall::default() };
    for (accuracy_m, count) in of {
        (0..*count).for_each(|_| footfall.note_accuracy(*accuracy_m));
    }
    footfall
}

fn visited(exits: u32, returns: u32) -> Footfall {
    Footfall { enters: exits, exits, returns, ..Footfall::default() }
}

#[test]
fn every_rule_holds_at_its_edge_and_not_beside_it() {
    let (own, other) = (fence(1), name(FenceKind::Place, 7));
    let plain = Known { fence: &own, footfall: visited(1, 0), whole_days: 30, overlap: None };
    let nobody = Known { footfall: Footfall::default(), ..plain };
    let counted = |footfall| Known { footfall, ..plain };
    let within = |share_pct| Known { overlap: Some((&other, share_pct)), ..plain };
    let sized = |size_m, footfall| (Fence { size_m, ..fence(1) }, footfall);
    let cases = [
        (plain, None),
        (nobody, Some(Finding::NeverMatches)),
        (Known { whole_days: 7, ..nobody }, Some(Finding::NeverMatches)),
        (Known { whole_days: 6, ..nobody }, None),
        (Known { footfall: Footfall { enters: 1, ..nobody.footfall }, ..nobody }, None),
        (counted(visited(30, 6)), Some(Finding::Flaps)),
        (counted(visited(30, 5)), None),
        (counted(visited(29, 29)), None),
        (counted(visited(100, 20)), Some(Finding::Flaps)),
        (counted(visited(100, 19)), None),
        (counted(visited(u32::MAX, u32::MAX)), Some(Finding::Flaps)),
        (within(50), Some(Finding::Overlaps)),
        (within(49), None),
        (counted(fixes(&[(120, 15), (20, 15)])), Some(Finding::SmallForAccuracy)),
        (counted(fixes(&[(120, 14), (20, 16)])), None),
        (counted(fixes(&[(120, 29)])), None),
        (counted(fixes(&[(90, 30)])), None),
    ];
    for (known, expected) in cases {
        let found = known.findings();
        let told: Vec<Finding> = found.iter().map(|(finding, _)| *finding).collect();
        assert_eq!(told, Vec::from_iter(expected), "{known:?}");
        for (_, advice) in found {
            assert!(advice.ends_with('.') && advice.contains(": "), "one sentence: {advice}");
        }
    }
    // The step that is proven is what counts: half are coarser than 100 m, and nobody knows of 101.
    let coarse = fixes(&[(101, 30)]);
    for ((sized, footfall), small) in [(sized(100.0, coarse), true), (sized(100.5, coarse), false)]
    {
        let known = Known { fence: &sized, footfall, ..plain };
        assert_eq!(!known.findings().is_empty(), small, "{}", sized.size_m);
    }
}

#[test]
fn a_fence_may_have_several_findings_in_their_order() {
    let (own, other) = (fence(1), name(FenceKind::Geofence, 2));
    let footfall = Footfall { exits: 30, returns: 30, ..fixes(&[(300, 30)]) };
    let known = Known { fence: &own, footfall, whole_days: 7, overlap: Some((&other, 100)) };
    let found = known.findings();
    let told: Vec<Finding> = found.iter().map(|(finding, _)| *finding).collect();
    assert_eq!(told, [Finding::Flaps, Finding::Overlaps, Finding::SmallForAccuracy]);
    assert!(found[0].1.starts_with("100 % of those who leave are back within 10 minutes"));
    assert!(found[1].1.contains("geofence 2, \"Fence 2\""), "{}", found[1].1);
    assert!(found[2].1.contains("coarser than 250 m") && found[2].1.contains("100 m in size"));
}

#[test]
fn a_finding_has_one_name() {
    for finding in Finding::ALL {
        assert_eq!(Finding::named(finding.label()), Some(finding));
        assert_eq!(serde_json::to_value(finding).unwrap(), finding.label());
    }
    assert_eq!(Finding::named("Flaps"), None);
}
