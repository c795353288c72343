//! Keys are created once, stay, rotate without loss, and are refused when something is off.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::keyfile;
use super::keyring::{KeyError, Keyring, SealedDevice};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};

fn device(account: u32, n: u128) -> DeviceKey {
    DeviceKey { account: AccountId(account), device: DeviceId(n.to_be_bytes()) }
}

fn edit(dir: &Path, from: &str, to: &str) {
    let path = dir.join("keys.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from:?} is not in the file");
    fs::write(&path, text.replace(from, to)).unwrap();
}

#[test]
fn version_1_of_the_file_is_read_and_written() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/keys-v1/keys.json");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    fs::copy(golden, &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let keyring = Keyring::existing(dir.path()).unwrap();
    assert_eq!(keyring.installation_key().0, [0x1A; 32]);
    assert_eq!(keyring.key_version(), 4);
    assert!(keyring.check(1).is_ok() && keyring.check(2).is_err());
    keyfile::write(&path, &keyfile::read(&path).unwrap()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(golden).unwrap());
}

#[test]
fn keys_are_made_once_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let first = Keyring::open(&data).unwrap();
    let mode = fs::metadata(data.join("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let again = Keyring::open(&data).unwrap();
    assert_eq!(first.installation_key(), again.installation_key());
    assert_eq!(first.seal(device(1, 2)), again.seal(device(1, 2)));
    let other = tempfile::tempdir().unwrap();
    let other = Keyring::open(other.path()).unwrap();
    assert_ne!(first.installation_key(), other.installation_key());
    assert_ne!(first.check(1).unwrap(), other.check(1).unwrap());
}

#[test]
fn a_sealed_device_opens_in_its_own_account_alone() {
    let keyring = Keyring::from_seed([3; 32]);
    let sealed = keyring.seal(device(1, 77));
    assert_eq!(sealed, keyring.seal(device(1, 77)));
    assert_ne!(sealed.block, device(1, 77).device.0);
    assert_ne!(sealed.block, keyring.seal(device(2, 77)).block);
    assert_eq!(keyring.open_device(AccountId(1), sealed).unwrap(), device(1, 77).device);
    assert_ne!(keyring.open_device(AccountId(2), sealed).unwrap(), device(1, 77).device);
}

#[test]
fn a_rotation_seals_anew_and_still_opens_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let before = Keyring::open(dir.path()).unwrap();
    let old = before.seal(device(5, 6));
    let after = Keyring::rotate(dir.path()).unwrap();
    assert_eq!(after.key_version(), 2);
    assert_eq!(after.installation_key(), before.installation_key());
    assert_eq!(after.check(1).unwrap(), before.check(1).unwrap());
    let new = Keyring::open(dir.path()).unwrap().seal(device(5, 6));
    assert_eq!(new.key_version, 2);
    assert_ne!(new.block, old.block);
    for sealed in [old, new] {
        assert_eq!(after.open_device(AccountId(5), sealed).unwrap(), device(5, 6).device);
    }
    let refused = before.open_device(AccountId(5), new).unwrap_err();
    assert!(matches!(refused, KeyError::UnknownVersion { key_version: 2, newest: 1 }), "{refused}");
}

#[test]
fn missing_keys_beside_data_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("log")).unwrap();
    Keyring::open(dir.path()).unwrap();
    fs::remove_file(dir.path().join("keys.json")).unwrap();
    fs::write(dir.path().join("log/00000000000000000000.seg"), b"x").unwrap();
    let refused = Keyring::open(dir.path()).unwrap_err();
    assert!(refused.to_string().contains("restore the file from your backup"), "{refused}");
    assert!(!dir.path().join("keys.json").exists());
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Keyring::open(dir.path()).unwrap();
    let path = dir.path().join("keys.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Keyring::open(dir.path()).unwrap_err();
    assert!(refused.to_string().contains("mode 0640"), "{refused}");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}

#[test]
fn malformed_files_are_refused_without_quoting_them() {
    for (from, to, reason) in [
        ("\"installation_key\": \"", "\"installation_key\": \"x", "installation_key is not 64"),
        ("\"key\": \"", "\"key\": \"zz", "master key 1 is not 64"),
        ("\"format\": 1", "\"format\": 2", "format 2"),
        ("\"format\"", "\"fromat\"", "not a key file: line 2"),
        ("{\n", "\n", "not a key file: line"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        Keyring::open(dir.path()).unwrap();
        edit(dir.path(), from, to);
        let refused = Keyring::open(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn what_is_sealed_is_a_format() {
    // Data at rest hangs on these bytes: a change here is a change of every format that seals
    // devices.
    let keyring = Keyring::from_seed([7; 32]);
    let sealed = keyring.seal(device(0x0102_0304, 0xFEED_BEEF));
    let expected = SealedDevice { key_version: 1, block: GOLDEN_BLOCK };
    assert_eq!(sealed, expected);
    assert_eq!(keyring.check(1).unwrap().0, GOLDEN_CHECK);
}

const GOLDEN_BLOCK: [u8; 16] =
    [77, 88, 14, 30, 73, 220, 134, 50, 148, 248, 40, 11, 247, 216, 147, 3];
const GOLDEN_CHECK: [u8; 8] = [209, 150, 62, 83, 94, 43, 225, 198];

#[test]
fn a_debug_print_shows_no_key() {
    let shown = format!("{:?}", Keyring::from_seed([7; 32]));
    assert_eq!(shown, "Keyring(master key 1, …)");
}

#[test]
fn looking_at_keys_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let typo = dir.path().join("typo");
    assert!(matches!(Keyring::existing(&typo), Err(KeyError::Absent { .. })));
    assert!(!typo.exists());
    assert!(matches!(Keyring::existing(dir.path()), Err(KeyError::Absent { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let made = Keyring::open(dir.path()).unwrap().installation_key();
    assert_eq!(Keyring::existing(dir.path()).unwrap().installation_key(), made);
}
