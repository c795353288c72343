//! Erased devices: gone from every row and every file, and the figures of all others are as they were.

use std::path::Path;

use tempfile::tempdir;

use super::figures_tests::{CAMPAIGN, Step, counted, follow, id_of, plain, records};
use super::members::LookedUp;
use super::rows::Side;
use super::store::Figures;
use crate::domain::decision::EventKind;
use crate::domain::ids::{
    AccountId, AppId, DeviceKey, InputPosition, InputSeq, PartitionId, PlaceId,
};
use crate::domain::units::UtcMs;
use crate::identity::Gone;
use crate::outbox::samples::*;
use crate::outbox::tallies::{Counted, TallyItem};
use crate::outbox::{Outbox, OutboxConfig, OutboxRecord, Release};

const OURS: AccountId = AccountId(1);

fn steps() -> Vec<Step> {
    let kinds = [EventKind::Matched, EventKind::Delivered, EventKind::Clicked];
    let of_device = |device: u8| {
        kinds.map(|what| Step {
            device,
            job: 1,
            what,
            minute: u32::from(device) * 10,
            is_test: false,
        })
    };
    (1..=6).flat_map(of_device).collect()
}

fn gone() -> Gone {
    Gone::of(vec![DeviceKey { account: OURS, device: device(2) }], &keyring())
}

fn member(number: u8) -> u64 {
    keyring().sealer().member(device(number))
}

fn is_in_a_file(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_in_a_file(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// The visit of a device.
fn stay(number: u8) -> OutboxRecord {
    let sealed = keyring().seal(DeviceKey { account: OURS, device: device(number) });
    OutboxRecord { device: sealed, ..visit(1, (4, u64::from(number), 0)) }
}

/// Who was at the store, by the figures.
fn visitors(figures: &Figures) -> Vec<u64> {
    let mut found = Vec::new();
    let ever = (UtcMs(0), UtcMs(i64::MAX / 2));
    figures.visits((OURS, PlaceId(77)), ever, |member, _visit| found.push(member)).unwrap();
    found.sort_unstable();
    found
}

/// In an outbox and figures: jobs of six devices, seen through an app, three of them in a segment, and a visit of each.
fn filled(outbox: &Outbox, figures: &Figures) {
    for (seq, step) in (1u64..).zip(&steps()) {
        outbox.release(records(seq, step)).unwrap();
    }
    for number in 1..=6 {
        outbox.release(vec![stay(number)]).unwrap();
    }
    let seen = |number: u8| TallyItem {
        position: InputPosition { partition: PartitionId(9), seq: InputSeq(u64::from(number)) },
        account: OURS,
        counted: Counted::Seen { app: AppId(5), member: member(number), day: 20_000 },
    };
    let tallies = (1..=6).map(seen).collect();
    outbox.release_through(Release::of(Vec::new(), tallies)).unwrap();
    let mut members = [member(1), member(2), member(3)];
    members.sort_unstable();
    let what = LookedUp { size: 3, day: 1 };
    let now = (what, figures.erasures());
    assert!(figures.keep_members((OURS, 4), now, &members).unwrap());
    assert!(figures.keep_members((AccountId(2), 4), now, &members).unwrap());
    assert!(figures.catch_up(&|| false));
}

#[tokio::test]
async fn rows_of_the_device_go_and_all_others_stay() {
    let (dir, counts) = (tempdir().unwrap(), tempdir().unwrap());
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let figures = follow(counts.path(), &outbox);
    filled(&outbox, &figures);
    let all = plain(&steps());
    assert_eq!(counted(&figures), all);
    let sealed = keyring().seal(DeviceKey { account: OURS, device: device(2) });
    assert_eq!(visitors(&figures).len(), 6);
    assert!(visitors(&figures).contains(&member(2)));
    let erased = figures.erase_records(&gone()).unwrap();
    assert_eq!(erased, 5, "a job, a match, two outcomes and a visit");
    let before = figures.erasures();
    assert_eq!(figures.erase_rows(&gone(), &|| true).unwrap(), None, "it ends when it is asked to");
    assert_eq!(
        figures.erase_rows(&gone(), &|| false).unwrap(),
        Some(0),
        "and goes on where it was"
    );
    assert_eq!(figures.erase_records(&gone()).unwrap(), 0);
    // Who looked members up before may have the device.
    let late = (LookedUp { size: 1, day: 2 }, before);
    assert!(!figures.keep_members((OURS, 4), late, &[member(2)]).unwrap());
    for (form, name) in [
        (sealed.block.to_vec(), "sealed"),
        (member(2).to_be_bytes().to_vec(), "its hash in keys"),
        (id_of(&steps()[3]).0.to_vec(), "its job"),
    ] {
        assert!(!is_in_a_file(dir.path(), &form) && !is_in_a_file(counts.path(), &form), "{name}");
    }
    // The other account's segment has the same hash, as it is the same device there.
    assert_eq!(figures.looked_up((OURS, 4)).unwrap(), Some(LookedUp { size: 2, day: 1 }));
    assert_eq!(figures.members((OURS, 4)).unwrap().len(), 2);
    assert_eq!(figures.members((AccountId(2), 4)).unwrap().len(), 3);
    let mut others = [1, 3, 4, 5, 6].map(member);
    others.sort_unstable();
    assert_eq!(visitors(&figures), others);
    let left = counted(&figures);
    assert_eq!(left.days, all.days, "what was counted stays counted");
    let steps_of_others: Vec<Step> = steps().into_iter().filter(|step| step.device != 2).collect();
    assert_eq!(
        left.uniques,
        plain(&steps_of_others).uniques,
        "distinct devices are those that are left"
    );
    assert_eq!(outbox.job(id_of(&steps()[3])).unwrap(), None);
    assert!(outbox.job(id_of(&steps()[0])).unwrap().is_some());
    let mut reached = 0;
    figures.devices(CAMPAIGN, Side::Reached, |_, _| reached += 1).unwrap();
    assert_eq!(reached, 5);
    outbox.close().unwrap();
    figures.close();
}

#[tokio::test]
async fn catching_up_ends_when_it_is_asked_to() {
    let (dir, counts) = (tempdir().unwrap(), tempdir().unwrap());
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let figures = follow(counts.path(), &outbox);
    filled(&outbox, &figures);
    figures.close();
    outbox.release(records(90, &steps()[0])).unwrap();
    // The figures' thread has ended, and nobody counts this one.
    assert!(!figures.catch_up(&|| true));
    outbox.close().unwrap();
}
