//! Looking for a device in every file of a data directory.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::DeflateDecoder;
use geofenced::domain::ids::{AccountId, DeviceId, DeviceKey};
use geofenced::identity::{Gone, Keyring};
use serde_json::Value;

use crate::customer::Customer;

/// Every form in which a device of the first account may lie in a file.
pub(crate) fn forms(data: &Path, device: DeviceId) -> Vec<Vec<u8>> {
    let keyring = Keyring::existing(data).unwrap();
    let gone = Gone::of(vec![DeviceKey { account: AccountId(1), device }], &keyring);
    let text = device.to_string();
    let bare = text.replace('-', "");
    let mut forms = vec![device.0.to_vec()];
    for text in [text.clone(), text.to_uppercase(), bare.clone(), bare.to_uppercase()] {
        forms.push(text.into_bytes());
    }
    forms.extend(gone.sealed().map(|(_, sealed)| sealed.block.to_vec()));
    for (_, member) in gone.members() {
        forms.push(member.to_le_bytes().to_vec());
        forms.push(member.to_be_bytes().to_vec());
    }
    forms
}

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// The files that have a form of a device, each with the number of the form. Packed segments are unpacked.
pub(crate) fn traces(data: &Path, forms: &[Vec<u8>]) -> Vec<(PathBuf, usize)> {
    let (mut all, mut found) = (Vec::new(), Vec::new());
    files(data, &mut all);
    for path in all {
        let Ok(mut bytes) = std::fs::read(&path) else { continue };
        if path.extension().is_some_and(|end| end == "rec") {
            let packed = bytes.split_off(96);
            DeflateDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        }
        for number in in_bytes(&bytes, forms) {
            found.push((path.strip_prefix(data).unwrap().to_owned(), number));
        }
    }
    found
}

/// The numbers of the forms that are somewhere in these bytes: one walk for all, for there are many bytes.
fn in_bytes(bytes: &[u8], forms: &[Vec<u8>]) -> BTreeSet<usize> {
    let begins = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let mut by_beginning = vec![Vec::new(); 1 << 16];
    for (number, form) in forms.iter().enumerate() {
        by_beginning[begins(form)].push(number);
    }
    let mut found = BTreeSet::new();
    for at in 0..bytes.len().saturating_sub(1) {
        for number in &by_beginning[begins(&bytes[at..])] {
            if bytes[at..].starts_with(&forms[*number]) {
                found.insert(*number);
            }
        }
    }
    found
}

/// What is shown of an erasure, once it is done.
pub(crate) async fn erased(customer: &Customer, id: u64) -> Value {
    loop {
        let shown = customer.get(&format!("/v1/erasures/{id}")).await.body;
        if shown["state"] == "erased" {
            return shown;
        }
        assert_eq!(shown["state"], "waiting", "{shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
