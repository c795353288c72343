//! The blacklist over a rotation of the keys.

use super::actor::Actor;
use super::blacklist::{BlacklistEdit, BlacklistRequest};
use super::desk::Desk;
use crate::control::documents::Membership;
use crate::control::refusal::Refusal;
use crate::control::samples::Installation;
use crate::control::store::thread;
use crate::identity::Keyring;

fn at<T>(
    installation: &mut Installation,
    actor: &Actor,
    work: impl FnOnce(&mut Desk<'_>) -> Result<T, Refusal>,
) -> T {
    thread::write(&mut installation.store, |tx| work(&mut Desk::open(tx, actor)?)).unwrap()
}

#[test]
fn a_device_is_on_it_once_whichever_key_has_sealed_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut installation, account) = Installation::with(Membership::Lite);
    let before =
        Actor { keyring: Keyring::open(dir.path()).unwrap(), ..installation.actor(account) };
    let ids = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"];
    let edit = |ids: &[&str]| BlacklistEdit {
        advertising_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..BlacklistEdit::default()
    };
    let added = at(&mut installation, &before, |desk| desk.edit_blacklist(&edit(&ids), true));
    assert_eq!(added.changed, 2);
    let after = Actor { keyring: Keyring::rotate(dir.path()).unwrap(), ..before };
    let again = at(&mut installation, &after, |desk| desk.edit_blacklist(&edit(&ids[..1]), true));
    assert_eq!(again.changed, 0, "it was on the list already");
    let page = at(&mut installation, &after, |desk| desk.blacklist(&BlacklistRequest::default()));
    assert_eq!(page.total, 2);
    let removed = at(&mut installation, &after, |desk| desk.edit_blacklist(&edit(&ids), false));
    assert_eq!(removed.changed, 2);
    let page = at(&mut installation, &after, |desk| desk.blacklist(&BlacklistRequest::default()));
    assert_eq!((page.total, page.items.len()), (0, 0));
}
