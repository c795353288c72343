//! Rows of tallies: what is written is read back, and nothing else is.

use proptest::prelude::*;

use super::tallies::{Counted, Quarter, TallyItem, decode, encode};
use crate::domain::ids::{AccountId, AppId, CampaignId, InputPosition, InputSeq, PartitionId};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::UtcMs;

fn item() -> impl Strategy<Value = TallyItem> {
    let counted =
        prop_oneof![
            (any::<u32>(), prop::sample::select(SuppressReason::ALL), any::<u32>()).prop_map(
                |(campaign, reason, quarter)| Counted::Withheld {
                    campaign: CampaignId(campaign),
                    reason,
                    quarter: Quarter(quarter),
                }
            ),
            (any::<u32>(), any::<u64>(), any::<u32>())
                .prop_map(|(app, member, day)| Counted::Seen { app: AppId(app), member, day }),
        ];
    (any::<u8>(), any::<u64>(), any::<u32>(), counted).prop_map(
        |(partition, seq, account, counted)| TallyItem {
            position: InputPosition { partition: PartitionId(partition), seq: InputSeq(seq) },
            account: AccountId(account),
            counted,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(items in prop::collection::vec(item(), 0..20)) {
        let mut row = Vec::new();
        encode(&items, &mut row);
        prop_assert_eq!(decode(&row), Some(items));
    }

    #[test]
    fn damage_is_found_or_reads_as_other_items(items in prop::collection::vec(item(), 1..5), cut: prop::sample::Index) {
        let mut row = Vec::new();
        encode(&items, &mut row);
        let cut = cut.index(row.len());
        let read = decode(&row[..cut]);
        prop_assert!(read.is_none_or(|read| read.len() < items.len()));
    }
}

#[test]
fn quarters_begin_on_the_quarter_and_never_before_1970() {
    assert_eq!(Quarter::of(UtcMs(899_999)), Quarter(0));
    assert_eq!(Quarter::of(UtcMs(900_000)), Quarter(1));
    assert_eq!(Quarter::of(UtcMs(-1)), Quarter(0));
    assert_eq!(Quarter(4).begins_at(), UtcMs(3_600_000));
}
