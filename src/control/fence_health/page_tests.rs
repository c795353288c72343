//! Pages of findings: each once, in order, and what was asked for wrongly.

use super::findings::Finding;
use super::health_tests::found;
use super::page::HealthRequest;
use crate::control::refusal::Refusal;

fn asked(finding: &str, cursor: &str, limit: Option<u32>) -> HealthRequest {
    HealthRequest { finding: finding.into(), cursor: cursor.into(), limit, wait_epoch: None }
}

#[test]
fn pages_have_every_finding_once_in_its_order() {
    for limit in 1..=8 {
        let (looked, mut cursor, mut seen) = (found(7), String::new(), Vec::new());
        loop {
            let page = looked.page(&asked("", &cursor, Some(limit)).read().unwrap());
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items.iter().map(|item| (item.fence.id, item.finding)));
            let Some(next) = page.next else { break };
            cursor = next;
        }
        let both = |id| [(id, Finding::NeverMatches), (id, Finding::Overlaps)];
        assert_eq!(seen, (1..=7).flat_map(both).collect::<Vec<_>>(), "{limit} a page");
    }
}

#[test]
fn one_finding_may_be_asked_for() {
    let looked = found(3);
    let page = looked.page(&asked("overlaps", "", None).read().unwrap());
    assert!(page.items.iter().all(|item| item.finding == Finding::Overlaps));
    assert_eq!((page.items.len(), page.next), (3, None));
    let none = looked.page(&asked("flaps", "", None).read().unwrap());
    assert!(none.items.is_empty());
}

/// The fence that a cursor names may be gone since.
#[test]
fn a_cursor_of_what_is_gone_goes_on_behind_it() {
    let looked = found(3);
    let page = looked.page(&asked("", "geofence:2:small_for_accuracy", None).read().unwrap());
    assert!(page.items.iter().all(|item| item.fence.id == 3));
    let page = looked.page(&asked("", "place:1:signal:flaps", None).read().unwrap());
    assert!(page.items.is_empty());
}

#[test]
fn what_is_wrong_is_said_of_each_parameter() {
    for limit in [1, 1000] {
        assert!(asked("", "", Some(limit)).read().is_ok());
    }
    let cases = [
        ("", "", Some(0)),
        ("", "", Some(1001)),
        ("never", "", None),
        ("", "geofence:1", None),
        ("", "geofence:1:never", None),
        ("", "geofence:+1:flaps", None),
        ("", "geofence:01:flaps", None),
        ("", "geofence:1:signal:flaps", None),
        ("", "fence:1:flaps", None),
    ];
    for (finding, cursor, limit) in cases {
        let refusal = asked(finding, cursor, limit).read().unwrap_err();
        let Refusal::Faults(faults) = refusal else { panic!("{refusal}") };
        assert_eq!(faults.len(), 1, "{finding} {cursor} {limit:?}: {faults:?}");
    }
    let Err(Refusal::Faults(faults)) = asked("x", "x", Some(0)).read() else { panic!("refused") };
    assert_eq!(faults.len(), 3);
}
