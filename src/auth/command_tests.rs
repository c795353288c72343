//! The token command, from nothing to a revoked token.

use std::path::Path;

use super::authority::Authority;
use super::book::BookError;
use super::command::{Holder, TokenAction, TokenCommand};
use super::grant::Scope;

fn run(dir: &Path, action: TokenAction) -> Result<String, BookError> {
    let mut out = Vec::new();
    let command = TokenCommand { data_dir: dir.to_owned(), file: None, action };
    command.run(jiff::Timestamp::UNIX_EPOCH, &mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn holder(name: &str) -> Holder {
    let scopes = vec![Scope::Ingest, Scope::Ingest];
    Holder { name: name.to_owned(), account: 3, apps: vec![], scopes }
}

fn create(name: &str) -> TokenAction {
    TokenAction::Create { holder: holder(name) }
}

fn revoke(name: &str) -> TokenAction {
    TokenAction::Revoke { name: name.to_owned(), account: None }
}

#[test]
fn a_token_is_made_listed_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.json");
    let dir = folder.path();
    let token = run(dir, create("one")).expect("made");
    let token = token.trim();
    assert!(token.starts_with("gf_") && token.len() == 46, "{token}");
    assert!(matches!(run(dir, create("one")), Err(BookError::NameTaken(_))));
    run(dir, create("two")).expect("made");

    let authority = Authority::open(&file).expect("a book");
    assert!(authority.by_token(token, Scope::Ingest).is_ok());
    let kept = std::fs::read_to_string(&file).expect("there");
    assert!(!kept.contains(&token[3..]), "the token itself is kept");

    run(dir, revoke("one")).expect("revoked");
    authority.reload().expect("read");
    assert!(authority.by_token(token, Scope::Ingest).is_err());
    let again = run(dir, revoke("one"));
    assert!(matches!(again, Err(BookError::NotLive(_))));

    let list = run(dir, TokenAction::List).expect("listed");
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains("one  account 3  apps all  scopes ingest") && list.contains("revoked"));
    run(dir, create("one")).expect("the name is free again");
}

#[test]
fn accounts_have_names_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    run(dir, create("gateway")).expect("made");
    let other = Holder { account: 4, ..holder("gateway") };
    run(dir, TokenAction::Create { holder: other }).expect("another account's");
    let unsaid = run(dir, revoke("gateway")).expect_err("which?").to_string();
    assert!(unsaid.contains("the accounts 3, 4"), "{unsaid}");
    let of_4 = TokenAction::Revoke { name: "gateway".to_owned(), account: Some(4) };
    run(dir, of_4).expect("revoked");
    let list = run(dir, TokenAction::List).expect("listed");
    let live = list.lines().find(|line| line.ends_with("live")).expect("one is live");
    assert!(live.contains("gateway  account 3"), "{list}");
}

#[test]
fn a_place_that_is_not_there_has_no_list() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), TokenAction::List).expect("nothing yet"), "");
    let nowhere = folder.path().join("nowhere");
    let said = run(&nowhere, TokenAction::List).expect_err("a slip").to_string();
    assert!(said.contains("nowhere"), "{said}");
    let file = Some(folder.path().join("other.json"));
    let action = TokenAction::List;
    let command = TokenCommand { data_dir: folder.path().to_owned(), file, action };
    assert!(command.run(jiff::Timestamp::UNIX_EPOCH, &mut Vec::new()).is_err());
}

#[test]
fn a_certificate_is_let_in_listed_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let made = rcgen::generate_simple_self_signed(vec!["gate".to_owned()]).expect("made");
    let pem = dir.join("gate.pem");
    std::fs::write(&pem, made.cert.pem()).expect("written");
    let admit = |name: &str, pem: Option<&Path>, uri: Option<&str>| TokenAction::Certificate {
        holder: holder(name),
        pem: pem.map(Path::to_owned),
        uri: uri.map(str::to_owned),
    };
    let said = run(dir, admit("gate", Some(&pem), None)).expect("let in");
    assert!(said.starts_with("sha256:") && said.ends_with("stands for account 3\n"), "{said}");
    let again = run(dir, admit("other", Some(&pem), None));
    assert!(matches!(again, Err(BookError::SubjectTwice { .. })), "{again:?}");
    assert!(matches!(run(dir, create("gate")), Err(BookError::NameTaken(_))));
    run(dir, admit("fleet", None, Some("geofenced://account/3"))).expect("let in");
    assert!(matches!(run(dir, admit("x", Some(dir), None)), Err(BookError::Certificate(_))));

    let authority = Authority::open(dir.join("tokens.json")).expect("a book");
    let grant = authority.by_certificate(made.cert.der(), Scope::Ingest).expect("known");
    assert_eq!((grant.account.0, &*grant.name), (3, "gate"));
    let list = run(dir, TokenAction::List).expect("listed");
    let line =
        "certificate  fleet  account 3  apps all  scopes ingest  uri:geofenced://account/3  live";
    assert!(list.lines().any(|known| known == line), "{list}");

    run(dir, revoke("gate")).expect("revoked");
    authority.reload().expect("read");
    assert!(authority.by_certificate(made.cert.der(), Scope::Ingest).is_err());
    assert!(run(dir, TokenAction::List).expect("listed").contains("revoked"));
}

/// What `--help` says is for the daemon that runs without a config.
#[test]
fn the_default_data_directory_is_the_daemon_s() {
    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        token: TokenCommand,
    }
    let parsed = <Program as clap::Parser>::parse_from(["geofenced", "list"]);
    if std::env::var_os("GEOFENCED__DAEMON__DATA_DIR").is_none() {
        assert_eq!(parsed.token.data_dir, crate::config::daemon::DaemonConfig::default().data_dir);
    }
    let neither =
        ["geofenced", "certificate", "--name", "x", "--account", "1", "--scope", "ingest"];
    assert!(<Program as clap::Parser>::try_parse_from(neither).is_err());
}
