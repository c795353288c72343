//! Labels: read as they were written, each text once a page.

use super::build::Source;
use super::load::Loaded;
use super::samples::{account, circle, loaded};
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::target::{Labels, TargetSpec};

const BRANDS: u32 = 100;
const STREETS: u32 = 50;

/// Places of a few brands in a few streets of a city.
fn labels(id: u32) -> Labels {
    Labels {
        brand: format!("브랜드 {}", id % BRANDS),
        districts: ["서울특별시".to_owned(), "성동구".to_owned(), format!("{}로", id % STREETS)],
        is_region: id.is_multiple_of(7),
    }
}

fn labelled(ids: std::ops::RangeInclusive<u32>, labels: fn(u32) -> Labels) -> Loaded {
    let target = |id: u32| TargetSpec { labels: labels(id), ..circle(1, id) };
    let mut account = account(1);
    account.measure_visits = true;
    loaded(
        &Source {
            accounts: vec![account],
            targets: ids.map(target).collect(),
            campaigns: Vec::new(),
        },
        1,
        None,
    )
}

fn page_bytes(loaded: &Loaded) -> usize {
    let account = loaded.view().account(AccountId(1)).unwrap().parts();
    account.targets.blocks().iter().map(|page| page.bytes().len()).sum()
}

#[test]
fn they_read_as_they_were_written() {
    let snapshot = labelled(1..=2_000, labels);
    let account = snapshot.view().account(AccountId(1)).unwrap();
    for target in account.targets() {
        assert_eq!(target.labels(), labels(target.id().0).lent());
        assert_eq!(account.listed(target.id()).unwrap().labels, target.labels());
    }
    assert!(account.target(TargetId(2_001)).is_none());
}

#[test]
fn an_unlabelled_target_has_empty_ones() {
    let snapshot = labelled(1..=1, |_| Labels::default());
    let account = snapshot.view().account(AccountId(1)).unwrap();
    assert_eq!(account.target(TargetId(1)).unwrap().labels(), Labels::default());
}

/// Half a page: what its texts take once is little, and a target with labels takes no more than one without.
#[test]
fn a_text_stands_once_a_page() {
    let (bare, full) = (labelled(1..=4_000, |_| Labels::default()), labelled(1..=4_000, labels));
    let more = page_bytes(&full) - page_bytes(&bare);
    assert!(more < 4_000, "{more} bytes more");
}
