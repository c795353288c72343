//! Who is let in, and that no answer shows a secret.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::authority::{AuthError, Authority};
use super::book::{Book, BookError, CertificateEntry, CertificateSubject};
use super::command::NewToken;
use super::grant::{Apps, Scope};
use super::tls::sha256;
use super::token::Token;
use crate::domain::ids::{AccountId, AppId};

fn book(scopes: &[Scope]) -> (Book, Token) {
    let mut book = Book::default();
    let token = Token::from_bytes([7; 32]);
    let apps = Apps::only([AppId(2), AppId(1), AppId(2)]);
    NewToken { name: "gateway", account: AccountId(5), apps, scopes }.note(
        &mut book,
        &token,
        jiff::Timestamp::UNIX_EPOCH,
    );
    (book, token)
}

#[test]
fn a_token_names_its_account_and_apps() {
    let (book, token) = book(&[Scope::Ingest]);
    let grant = Authority::of(book).by_token(&token.reveal(), Scope::Ingest).expect("good");
    assert_eq!(grant.account, AccountId(5));
    assert!(grant.apps.has(AppId(1)) && grant.apps.has(AppId(2)) && !grant.apps.has(AppId(3)));
}

#[test]
fn wrong_tokens_are_refused_and_not_shown() {
    let (book, token) = book(&[Scope::Queue]);
    let authority = Authority::of(book);
    let other = Token::from_bytes([8; 32]).reveal();
    let wanted = [
        (String::new(), AuthError::Missing),
        ("gf_short".to_owned(), AuthError::Malformed),
        (format!(" {}", token.reveal()), AuthError::Malformed),
        (format!("{}A", token.reveal()), AuthError::Malformed),
        (other.clone(), AuthError::Unknown),
        (token.reveal(), AuthError::Scope { name: "gateway".to_owned(), scope: Scope::Ingest }),
    ];
    for (text, error) in wanted {
        let refused = authority.by_token(&text, Scope::Ingest).expect_err("refused");
        assert_eq!(refused, error);
        for shown in [refused.to_string(), format!("{refused:?}")] {
            assert!(text.is_empty() || !shown.contains(text.trim()), "{shown}");
        }
    }
    assert!(!format!("{token:?} {authority:?}").contains(&token.reveal()[3..10]));
}

#[test]
fn a_reload_revokes_at_once() {
    let (mut book, token) = book(&[Scope::Ingest]);
    let authority = Authority::of(book.clone());
    let mut changes = authority.changes();
    let grant = authority.by_token(&token.reveal(), Scope::Ingest).expect("good");
    book.tokens[0].revoked = Some(jiff::Timestamp::UNIX_EPOCH);
    authority.replace(book);
    assert!(changes.has_changed().expect("alive"));
    changes.mark_unchanged();
    let revoked = AuthError::Revoked { name: "gateway".to_owned() };
    assert_eq!(authority.again(&grant, Scope::Ingest).expect_err("revoked"), revoked);
}

fn certificate(uri: &str) -> CertificateDer<'static> {
    let uri = rcgen::SanType::URI(uri.try_into().expect("ASCII"));
    let mut params = rcgen::CertificateParams::new(vec![]).expect("no names");
    params.subject_alt_names.push(uri);
    let key = rcgen::KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().clone()
}

#[test]
fn certificates_are_known_by_uri_or_fingerprint() {
    let by_uri = certificate("geofenced://account/1");
    let by_print = certificate("geofenced://account/99");
    let entry = |subject, account| CertificateEntry {
        name: "gate".to_owned(),
        subject,
        account: AccountId(account),
        apps: Apps::All,
        scopes: vec![Scope::Ingest],
        revoked: None,
    };
    let mut book = Book::default();
    book.certificates.push(entry(CertificateSubject::Uri("geofenced://account/1".to_owned()), 1));
    let print = CertificateSubject::Fingerprint(sha256(&by_print));
    book.certificates.push(entry(print, 2));
    let authority = Authority::of(book);
    let account = |certificate: &CertificateDer<'_>| {
        authority.by_certificate(certificate, Scope::Ingest).map(|grant| grant.account)
    };
    assert_eq!(account(&by_uri), Ok(AccountId(1)));
    assert_eq!(account(&by_print), Ok(AccountId(2)));
    let stranger = certificate("geofenced://account/3");
    assert_eq!(account(&stranger), Err(AuthError::Unknown));
    let noise = CertificateDer::from(vec![0; 64]);
    assert_eq!(account(&noise), Err(AuthError::Certificate));
}

/// A book of certificates: name, subject, account, whether it was revoked.
fn certificates(entries: &[(&str, CertificateSubject, u32, bool)]) -> Book {
    let entries = entries.iter().cloned().map(|(name, subject, account, revoked)| {
        let revoked = revoked.then_some(jiff::Timestamp::UNIX_EPOCH);
        let (name, account, scopes) = (name.to_owned(), AccountId(account), vec![Scope::Ingest]);
        CertificateEntry { name, subject, account, apps: Apps::All, scopes, revoked }
    });
    let mut book = Book::default();
    book.certificates.extend(entries);
    book
}

#[test]
fn a_revoked_certificate_gets_in_by_no_other_entry() {
    let one = certificate("geofenced://account/1");
    let uri = CertificateSubject::Uri("geofenced://account/1".to_owned());
    let print = CertificateSubject::Fingerprint(sha256(&one));
    let other = CertificateSubject::Fingerprint([0; 32]);
    let account = |entries: &[(&str, CertificateSubject, u32, bool)]| {
        let authority = Authority::of(certificates(entries));
        authority.by_certificate(&one, Scope::Ingest).map(|grant| grant.account.0)
    };
    let revoked = |name: &str| Err(AuthError::Revoked { name: name.to_owned() });
    let (uri, print) = (|| uri.clone(), || print.clone());
    // The fingerprint says more than the URI, wherever it stands.
    assert_eq!(account(&[("u", uri(), 1, false), ("p", print(), 2, false)]), Ok(2));
    assert_eq!(account(&[("u", uri(), 1, false), ("p", print(), 2, true)]), revoked("p"));
    assert_eq!(account(&[("p", print(), 2, false), ("u", uri(), 1, true)]), Ok(2));
    // A later entry for the same subject replaces a revoked one.
    assert_eq!(account(&[("old", uri(), 1, true), ("new", uri(), 3, false)]), Ok(3));
    assert_eq!(account(&[("new", uri(), 3, false), ("old", uri(), 1, true)]), Ok(3));
    assert_eq!(account(&[("old", uri(), 1, true), ("x", other, 9, false)]), revoked("old"));
}

#[test]
fn a_certificate_with_two_names_of_the_book_is_nobody() {
    let uris = ["geofenced://account/1", "geofenced://account/2"];
    let mut params = rcgen::CertificateParams::new(vec![]).expect("no names");
    let sans = uris.map(|uri| rcgen::SanType::URI(uri.try_into().expect("ASCII")));
    params.subject_alt_names.extend(sans);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let [one, two] = uris.map(|uri| CertificateSubject::Uri(uri.to_owned()));
    let by = |entries: &[(&str, CertificateSubject, u32, bool)]| {
        let authority = Authority::of(certificates(entries));
        authority.by_certificate(&certificate, Scope::Ingest).map(|grant| grant.account.0)
    };
    let both = by(&[("one", one.clone(), 1, false), ("two", two.clone(), 2, false)]);
    assert!(matches!(both, Err(AuthError::Ambiguous { .. })), "{both:?}");
    let half = by(&[("one", one, 1, false), ("two", two, 2, true)]);
    assert_eq!(half, Err(AuthError::Revoked { name: "two".to_owned() }));
}

#[test]
fn a_book_with_two_live_entries_for_a_certificate_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.json");
    let uri = || CertificateSubject::Uri("geofenced://account/1".to_owned());
    let twice = certificates(&[("a", uri(), 1, false), ("b", uri(), 2, false)]);
    let written = Book::change(&path, |book| {
        *book = twice;
        Ok(())
    });
    assert!(matches!(written, Err(BookError::SubjectTwice { .. })), "{written:?}");
    let replaced = certificates(&[("a", uri(), 1, true), ("b", uri(), 2, false)]);
    Book::change(&path, |book| {
        *book = replaced;
        Ok(())
    })
    .expect("one is revoked");
}

#[test]
fn sha256_is_sha256() {
    let hex: String = sha256(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_book_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.json");
    Book::change(&path, |_| Ok(())).expect("a new book");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("ours");
    assert!(matches!(Authority::open(&path), Err(BookError::Mode { mode: 0o644, .. })));
}

#[test]
fn a_book_is_read_as_it_was_written() {
    let text = r#"{"version":1,"tokens":[],"certificates":[{"name":"g","subject":"sha256:xyz",
        "account":1,"apps":"all","scopes":["ingest"]}]}"#;
    let error = serde_json::from_str::<Book>(text).expect_err("no fingerprint").to_string();
    assert!(error.contains("64 hexadecimal digits"), "{error}");
    let error = serde_json::from_str::<Apps>("\"none\"").expect_err("no word").to_string();
    assert!(error.contains("\"all\""), "{error}");
    let (book, _) = book(&[Scope::Ingest, Scope::Admin]);
    let text = serde_json::to_string(&book).expect("JSON");
    let read: Book = serde_json::from_str(&text).expect("a book");
    assert_eq!(read.tokens[0].apps, Apps::Only(Arc::from([AppId(1), AppId(2)])));
    assert_eq!(serde_json::to_string(&read).expect("JSON"), text);
}

#[test]
fn a_book_that_is_gone_or_no_file_leaves_the_old_one_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.json");
    let (written, token) = book(&[Scope::Ingest]);
    Book::change(&path, |kept| {
        *kept = written;
        Ok(())
    })
    .unwrap();
    let authority = Authority::open(path.clone()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(authority.reload().is_err(), "it is gone");
    std::fs::create_dir(&path).unwrap();
    assert!(authority.reload().is_err(), "it is a directory");
    assert!(authority.by_token(&token.reveal(), Scope::Ingest).is_ok());
}
