//! The token command, from nothing to a revoked token.

use std::path::Path;

use super::authority::Authority;
use super::book::BookError;
use super::command::{TokenAction, TokenCommand};
use super::grant::Scope;

fn run(file: &Path, action: TokenAction) -> Result<String, BookError> {
    let mut out = Vec::new();
    let command = TokenCommand { file: file.to_owned(), action };
    command.run(jiff::Timestamp::UNIX_EPOCH, &mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn create(name: &str) -> TokenAction {
    let scopes = vec![Scope::Ingest, Scope::Ingest];
    TokenAction::Create { name: name.to_owned(), account: 3, apps: vec![], scopes }
}

#[test]
fn a_token_is_made_listed_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.json");
    let token = run(&file, create("one")).expect("made");
    let token = token.trim();
    assert!(token.starts_with("gf_") && token.len() == 46, "{token}");
    assert!(matches!(run(&file, create("one")), Err(BookError::NameTaken(_))));
    run(&file, create("two")).expect("made");

    let authority = Authority::open(&file).expect("a book");
    assert!(authority.by_token(token, Scope::Ingest).is_ok());
    let kept = std::fs::read_to_string(&file).expect("there");
    assert!(!kept.contains(&token[3..]), "the token itself is kept");

    run(&file, TokenAction::Revoke { name: "one".to_owned() }).expect("revoked");
    authority.reload().expect("read");
    assert!(authority.by_token(token, Scope::Ingest).is_err());
    let again = run(&file, TokenAction::Revoke { name: "one".to_owned() });
    assert!(matches!(again, Err(BookError::NoSuchToken(_))));

    let list = run(&file, TokenAction::List).expect("listed");
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains("one  account 3  apps all  scopes ingest") && list.contains("revoked"));
    run(&file, create("one")).expect("the name is free again");
}
