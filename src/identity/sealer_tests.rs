//! A sealer gives what the keyring gives, in bulk and over many accounts.

use proptest::prelude::*;

use super::keyring::{KeyError, Keyring};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};

proptest! {
    #[test]
    fn bulk_equals_one_by_one(
        account in any::<u32>(),
        ids in proptest::collection::vec(any::<[u8; 16]>(), 0..40),
    ) {
        let keyring = Keyring::from_seed([1; 32]);
        let mut sealer = keyring.sealer();
        let account = AccountId(account);
        let mut blocks = ids.clone();
        sealer.seal_blocks(account, &mut blocks);
        for (&id, &block) in ids.iter().zip(&blocks) {
            let device = DeviceKey { account, device: DeviceId(id) };
            prop_assert_eq!(keyring.seal(device).block, block);
            prop_assert_eq!(sealer.seal(device), keyring.seal(device));
            prop_assert_eq!(sealer.open(account, keyring.seal(device)).unwrap(), device.device);
        }
        sealer.open_blocks(account, sealer.key_version(), &mut blocks).unwrap();
        prop_assert_eq!(blocks, ids);
    }
}

#[test]
fn more_accounts_than_are_kept_still_seal_right() {
    let keyring = Keyring::from_seed([2; 32]);
    let mut sealer = keyring.sealer();
    for account in (0..10_000).chain(0..3) {
        let device = DeviceKey { account: AccountId(account), device: DeviceId([4; 16]) };
        let sealed = sealer.seal(device);
        assert_eq!(sealer.open(device.account, sealed).unwrap(), device.device);
    }
}

#[test]
fn an_unknown_key_leaves_the_blocks_alone() {
    let mut sealer = Keyring::from_seed([2; 32]).sealer();
    let mut blocks = [[5; 16]; 3];
    let refused = sealer.open_blocks(AccountId(1), 9, &mut blocks).unwrap_err();
    assert!(matches!(refused, KeyError::UnknownVersion { key_version: 9, newest: 1 }));
    assert_eq!(blocks, [[5; 16]; 3]);
}
