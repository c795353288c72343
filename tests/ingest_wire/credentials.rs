//! Who is let in, and for how long.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use geofenced::auth::authority::Authority;
use geofenced::auth::tls::ServerIdentity;
use geofenced::auth::token::Token;
use geofenced::client::{Client, ClientError, ClientOptions, Credentials, Trust};
use geofenced::domain::ids::{AccountId, AppId, FrameSeq};
use geofenced::domain::reasons::RejectReason;
use geofenced::wire::close::CloseCode;
use tokio::time::timeout;

use geofenced::auth::book::{Book, CertificateEntry, CertificateSubject};
use geofenced::auth::grant::{Apps, Scope};
use geofenced::ingest::config::IngestConfig;
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::daemon::{Daemon, SOON, book, noted, ping, refusal, refused};
use crate::shards::Shards;

#[tokio::test]
async fn bad_credentials_are_refused_by_name() {
    let daemon = Daemon::start(|_| {});
    for (token, code) in [
        (9, CloseCode::Unauthenticated),
        (4, CloseCode::Unauthenticated),
        (3, CloseCode::Forbidden),
    ] {
        let error = refusal(daemon.options(token, 1)).await;
        assert_eq!(error.close_code(), Some(code), "{error}");
        assert!(!error.to_string().contains(&Token::from_bytes([token; 32]).reveal()[3..]));
    }
    let mut nobody = daemon.options(1, 1);
    nobody.credentials = Credentials::Token(String::new());
    let error = refusal(nobody).await;
    assert!(error.to_string().contains("no credentials"), "{error}");
    let mut stranger = daemon.options(1, 1);
    let other = ServerIdentity::self_signed(&["localhost"]).unwrap();
    stranger.trust = Trust::Roots(vec![other.certificate()]);
    assert!(matches!(refusal(stranger).await, ClientError::Lost(_)));
}

#[tokio::test]
async fn a_token_revoked_while_in_use_ends_the_connection() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    let seq = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.acked(seq)).await.unwrap().unwrap();
    let mut changed = book();
    changed.tokens[0].revoked = Some(jiff::Timestamp::UNIX_EPOCH);
    daemon.authority.replace(changed);
    let error = timeout(SOON, stream.acked(FrameSeq(99))).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::Unauthenticated), "{error}");
}

#[tokio::test]
async fn another_accounts_app_is_refused_record_by_record() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 1);
    stream.pings(AppId(3), &[ping(1, 0), ping(2, 0)]).await.unwrap();
    stream.pings(AppId(2), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    assert_eq!(refused(&acks.lock().unwrap(), RejectReason::AppNotAllowed), 2);
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 1);
}

/// An issuer of client certificates.
struct Issuer {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    pem: tempfile::NamedTempFile,
}

impl Issuer {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
        let pem = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(pem.path(), issuer.pem()).unwrap();
        Self { issuer, pem }
    }

    fn issue(&self, uri: &str) -> Credentials {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri.try_into().unwrap()));
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Credentials::Certificate(vec![certificate.der().clone()], key.into())
    }
}

/// A book in which a certificate's URI stands for account 7.
fn certified(revoked: bool) -> Book {
    let mut book = book();
    book.certificates.push(CertificateEntry {
        name: "gate".to_owned(),
        subject: CertificateSubject::Uri("geofenced://account/7".to_owned()),
        account: AccountId(7),
        apps: Apps::All,
        scopes: vec![Scope::Ingest],
        revoked: revoked.then_some(jiff::Timestamp::UNIX_EPOCH),
    });
    book
}

#[tokio::test]
async fn client_certificates_let_in_end_to_end() {
    let (issuer, stranger) = (Issuer::new(), Issuer::new());
    let identity = ServerIdentity::self_signed(&["localhost"]).unwrap();
    let identity = identity.with_client_issuers(issuer.pem.path()).unwrap();
    let config = IngestConfig { listen: "127.0.0.1:0".parse().unwrap(), ..Default::default() };
    let authority = Arc::new(Authority::of(certified(false)));
    let daemon = Daemon::with(config, identity, authority, Arc::new(Shards::new(1 << 30)));
    let options = |credentials| ClientOptions { credentials, ..daemon.options(1, 1) };

    let client = Client::connect(options(issuer.issue("geofenced://account/7"))).await.unwrap();
    assert_eq!(client.terms().account, AccountId(7));
    let (mut stream, _) = noted(&client, 1);
    let seq = stream.pings(AppId(5), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.acked(seq)).await.unwrap().unwrap();

    let error = refusal(options(issuer.issue("geofenced://account/8"))).await;
    assert_eq!(error.close_code(), Some(CloseCode::Unauthenticated), "{error}");
    // TLS itself refuses what a stranger has issued, and the client does not try again.
    let forged = options(stranger.issue("geofenced://account/7"));
    let forged = timeout(SOON, Client::connect(forged)).await.unwrap();
    let Err(ClientError::Lost(error)) = forged else { panic!("was let in, or tried again") };
    assert!(matches!(error, quinn::ConnectionError::ConnectionClosed(_)), "{error}");
    // A token alone still counts.
    let by_token = Client::connect(daemon.options(2, 3)).await.unwrap();
    assert_eq!(by_token.terms().account, AccountId(2));

    daemon.authority.replace(certified(true));
    let error = timeout(SOON, stream.acked(FrameSeq(99))).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::Unauthenticated), "{error}");
}

#[tokio::test]
async fn another_certificate_is_shown_without_a_restart() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    let next = ServerIdentity::self_signed(&["localhost"]).unwrap();
    daemon.switch.reload_identity(&next).unwrap();
    let mut options = daemon.options(1, 2);
    assert!(matches!(refusal(daemon.options(1, 2)).await, ClientError::Lost(_)), "the old one");
    options.trust = Trust::Roots(vec![next.certificate()]);
    let _new = Client::connect(options).await.unwrap();
    // Whoever is in stays in.
    let seq = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.acked(seq)).await.unwrap().unwrap();
    // During a drain the door stays shut.
    daemon.stop.send_replace(true);
    daemon.switch.reload_identity(&next).unwrap();
    timeout(SOON, daemon.task).await.unwrap().unwrap();
}
