//! What operators do by hand, on the real binary: accounts and backups beside a running daemon, tokens over HTTP, TLS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::client::options::draw_instance;
use geofenced::client::{Client, ClientOptions, Credentials, Trust};
use geofenced::sink::http_client::{HttpClient, HttpError};
use hyper::Method;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use support::{Daemon, PATIENCE, metric_of};

/// Test machines have small disks.
const QUIET_RESERVE: (&str, &str) = ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0");

fn geofenced(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geofenced")).args(args).output().unwrap()
}

/// What a command that succeeds prints.
fn said(args: &[&str]) -> String {
    let output = geofenced(args);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// How a command ends, and what it says on standard error.
fn refused(args: &[&str]) -> (i32, String) {
    let output = geofenced(args);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), complaint)
}

fn account<'a>(dir: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    [&["account", "--data-dir", dir], words].concat()
}

async fn ask(http: &mut HttpClient, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = http.send(method, path, body.into()).await.unwrap();
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap();
}

#[tokio::test]
async fn accounts_changed_beside_a_daemon_reach_its_engine() {
    let mut daemon = Daemon::start(&[QUIET_RESERVE]);
    let data = daemon.data_dir.clone();
    let dir = data.to_str().unwrap();
    let make = ["create", "--name", "Coffee", "--membership", "premium", "--measure-visits"];
    assert_eq!(said(&account(dir, &make)), "account 1 was made\n");
    let mut http = daemon.http_client(Scope::Admin).await;
    // It has the account, and its engine follows without a word to it.
    let (_, shown) = ask(&mut http, Method::GET, "/v1/accounts/1", &Value::Null).await;
    assert_eq!(shown["name"], "Coffee");
    let mut epoch = async || {
        let (_, state) = ask(&mut http, Method::GET, "/v1/snapshots", &Value::Null).await;
        state["current"]["epoch"].as_u64().unwrap_or(0)
    };
    until(async || epoch().await >= 1).await;
    let before = epoch().await;
    said(&account(dir, &["set", "1", "--time-zone", "Asia/Tokyo"]));
    until(async || epoch().await > before).await;
    let (code, complaint) = refused(&account(dir, &["set", "1", "--time-zone", "Nowhere"]));
    assert!(code == 2 && complaint.contains("IANA"), "{code} {complaint}");
    assert_eq!(refused(&account(dir, &["show", "7"])).0, 1);

    let backup = data.join("backup.db");
    let backup = backup.to_str().unwrap();
    assert!(said(&["catalog", "backup", dir, backup]).contains("1 account"));
    said(&account(dir, &["set", "1", "--name", "Tea"]));
    let restore = ["catalog", "restore", backup, dir, "--replace"];
    let (code, complaint) = refused(&restore);
    assert!(code == 1 && complaint.contains("stop it first"), "{code} {complaint}");
    assert!(daemon.sigterm().success());
    said(&restore);
    assert!(said(&["catalog", "check", dir]).contains("sound"));
    daemon.restart();
    assert!(said(&account(dir, &["list"])).contains("Asia/Tokyo  Coffee"));
    let mut http = daemon.http_client(Scope::Admin).await;
    until(async || ask(&mut http, Method::GET, "/readyz", &Value::Null).await.0 == 200).await;
}

#[tokio::test]
async fn tokens_are_made_used_and_revoked_over_http() {
    let daemon = Daemon::start(&[QUIET_RESERVE]);
    let dir = daemon.data_dir.to_str().unwrap();
    said(&account(dir, &["create", "--name", "One", "--membership", "basic"]));
    said(&account(dir, &["create", "--name", "Two", "--membership", "basic"]));
    let mut operator = daemon.http_client(Scope::Admin).await;
    let of_1 = "/v1/accounts/1/tokens";
    let wanted = json!({ "name": "marketer", "scopes": ["campaigns", "queue"] });
    let (status, made) = ask(&mut operator, Method::POST, of_1, &wanted).await;
    assert_eq!((status, &made["apps"]), (201, &"all".into()), "{made}");
    let token = made["token"].as_str().unwrap();

    let at = daemon.http.to_string();
    let mut own = HttpClient::connect(&at, Some(token)).await.unwrap();
    let wanted = json!({ "name": "work/er", "scopes": ["queue"] });
    let (status, worker) = ask(&mut own, Method::POST, "/v1/tokens", &wanted).await;
    assert_eq!(status, 201, "{worker}");
    assert_eq!(ask(&mut own, Method::POST, "/v1/tokens", &wanted).await.0, 409);
    for (scopes, status) in [(json!(["ingest"]), 403), (json!(["admin"]), 403), (json!([]), 422)] {
        let wanted = json!({ "name": "more", "scopes": scopes });
        let (found, problem) = ask(&mut own, Method::POST, "/v1/tokens", &wanted).await;
        assert_eq!(found, status, "{problem}");
    }
    let unknown_app = json!({ "name": "more", "scopes": ["queue"], "apps": [9] });
    let (status, problem) = ask(&mut own, Method::POST, "/v1/tokens", &unknown_app).await;
    assert_eq!((status, &problem["pointer"]), (422, &"/apps".into()));

    let worker = worker["token"].as_str().unwrap();
    let mut reader = HttpClient::connect(&at, Some(worker)).await.unwrap();
    assert_eq!(ask(&mut reader, Method::GET, "/v1/queues", &Value::Null).await.0, 200);
    let (_, list) = ask(&mut own, Method::GET, "/v1/tokens", &Value::Null).await;
    let shown = |name: &str| {
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).cloned()
    };
    assert_eq!(shown("work/er").unwrap()["uses"], 1, "{list}");
    assert!(shown("work/er").unwrap()["last_used_at"].is_string());
    assert!(list["counted_since"].is_string() && shown("admin").is_none(), "{list}");
    assert!(!list.to_string().contains("gf_"), "no token is shown again");

    let gone = ask(&mut own, Method::DELETE, "/v1/tokens/work%2Fer", &Value::Null).await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    assert_eq!(ask(&mut reader, Method::GET, "/v1/queues", &Value::Null).await.0, 401);
    assert_eq!(ask(&mut own, Method::DELETE, "/v1/tokens/ingest", &Value::Null).await.0, 403);
    assert_eq!(ask(&mut own, Method::DELETE, "/v1/tokens/nobody", &Value::Null).await.0, 404);
    let of_2 = "/v1/accounts/2/tokens/marketer";
    assert_eq!(ask(&mut operator, Method::DELETE, of_2, &Value::Null).await.0, 404);

    let (_, audit) = ask(&mut own, Method::GET, "/v1/audit", &Value::Null).await;
    let told: Vec<_> = audit["items"].as_array().unwrap().iter().collect();
    let told = |n: usize| (&told[n]["by"], &told[n]["action"], &told[n]["kind"]);
    assert_eq!(told(0), (&"marketer".into(), &"revoke".into(), &"token".into()), "{audit}");
    assert_eq!(told(1), (&"marketer".into(), &"create".into(), &"token".into()), "{audit}");
    assert_eq!(audit["items"][1]["after"]["name"], "work/er");

    let page = daemon.metrics().await;
    let posts = "geofenced_api_requests_total{method=\"POST\",status=\"4xx\"} 5";
    assert!(page.contains(posts), "{page}");
    assert!(metric_of(&page, "geofenced_api_seconds_count") >= 10);
}

#[tokio::test]
async fn what_is_done_to_tokens_by_hand_is_in_the_audit_log() {
    let daemon = Daemon::start(&[QUIET_RESERVE]);
    let dir = daemon.data_dir.to_str().unwrap();
    let token = |words: &[&str]| said(&[&["token", "--data-dir", dir], words].concat());
    let make = ["create", "--name", "by hand", "--account", "1", "--scope", "queue"];
    // Nobody is told where the catalog has no such account.
    token(&["create", "--name", "early", "--account", "1", "--scope", "queue"]);
    said(&account(dir, &["create", "--name", "One", "--membership", "basic"]));
    let secret = token(&make);
    token(&["revoke", "by hand"]);
    let elsewhere = daemon.data_dir.join("other.json");
    token(&[&make[..], &["--file", elsewhere.to_str().unwrap()]].concat());
    let mut own = daemon.http_client(Scope::Campaigns).await;
    let (_, audit) = ask(&mut own, Method::GET, "/v1/audit", &Value::Null).await;
    let items = audit["items"].as_array().unwrap();
    let told: Vec<_> =
        items.iter().map(|note| (&note["by"], &note["action"], &note["kind"])).collect();
    let (by, token) = (&json!("geofenced token"), &json!("token"));
    assert_eq!(
        told[..2],
        [(by, &json!("revoke"), token), (by, &json!("create"), token)],
        "{audit}"
    );
    assert_eq!((items.len(), &items[2]["kind"]), (3, &json!("account")), "{audit}");
    assert_eq!(items[1]["after"], json!({"name": "by hand", "apps": "all", "scopes": ["queue"]}));
    assert_eq!(items[0]["before"], json!({"name": "by hand"}));
    assert!(!audit.to_string().contains(secret.trim()), "the text of a token is nowhere");
}

#[tokio::test]
async fn a_gateway_whose_token_is_revoked_over_http_is_closed_at_once() {
    let daemon = Daemon::start(&[QUIET_RESERVE]);
    let dir = daemon.data_dir.to_str().unwrap();
    said(&account(dir, &["create", "--name", "One", "--membership", "basic"]));
    let mut operator = daemon.http_client(Scope::Admin).await;
    let of_1 = "/v1/accounts/1/tokens";
    let wanted = json!({ "name": "gateway", "scopes": ["ingest"] });
    let (_, made) = ask(&mut operator, Method::POST, of_1, &wanted).await;
    let token = Credentials::Token(made["token"].as_str().unwrap().to_owned());
    let options = ClientOptions::new(daemon.quic, Trust::Anybody, token, draw_instance().unwrap());
    let _gateway = Client::connect(options).await.unwrap();
    let closed = "geofenced_connections_closed_total{code=\"unauthenticated\"}";
    assert_eq!(metric_of(&daemon.metrics().await, closed), 0);
    let path = format!("{of_1}/gateway");
    assert_eq!(ask(&mut operator, Method::DELETE, &path, &Value::Null).await.0, 204);
    until(async || {
        daemon
            .metrics()
            .await
            .lines()
            .any(|line| line.strip_prefix(closed).is_some_and(|count| count.trim() != "0"))
    })
    .await;
}

/// Writes a certificate of its own issue and its key.
fn write_certificate(cert: &Path, key: &Path) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(cert, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
}

async fn over_tls(daemon: &Daemon, believed: &Path) -> Result<HttpClient, HttpError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(believed).unwrap()).unwrap();
    HttpClient::connect_tls(&daemon.http.to_string(), Some(daemon.token(Scope::Queue)), roots).await
}

#[tokio::test]
async fn http_over_tls_takes_up_a_renewed_certificate() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let (cert, key, old) = (path("cert.pem"), path("key.pem"), path("old.pem"));
    write_certificate(&cert, &key);
    let daemon = Daemon::start(&[
        ("GEOFENCED__ADMIN__TLS_CERT", cert.to_str().unwrap()),
        ("GEOFENCED__ADMIN__TLS_KEY", key.to_str().unwrap()),
        QUIET_RESERVE,
    ]);
    let mut before = over_tls(&daemon, &cert).await.unwrap();
    assert_eq!(before.get("/v1/queues").await.unwrap().status, 200);
    let (at, token) = (format!("https://{}", daemon.http), daemon.token(Scope::Queue));
    let list = ["queue", "list", "--addr", &at, "--token", token, "--ca", cert.to_str().unwrap()];
    said(&list);
    assert_eq!(refused(&list[..6]).0, 1, "whom to believe is not said");

    std::fs::copy(&cert, &old).unwrap();
    write_certificate(&cert, &key);
    daemon.signal("HUP");
    until(async || over_tls(&daemon, &cert).await.is_ok()).await;
    assert!(over_tls(&daemon, &old).await.is_err());
    assert_eq!(before.get("/v1/queues").await.unwrap().status, 200, "it is left alone");

    std::fs::write(&key, "no key").unwrap();
    daemon.signal("HUP");
    daemon.log_says("the certificate of HTTP has mistakes").await;
    assert!(over_tls(&daemon, &cert).await.is_ok());
}

#[test]
fn plain_http_for_everybody_is_warned_of() {
    let open = ("GEOFENCED__ADMIN__LISTEN", "0.0.0.0:0");
    let daemon = Daemon::start(&[open, QUIET_RESERVE]);
    assert!(daemon.log().contains("HTTP is plain and not on loopback"), "{}", daemon.log());
    let quiet = Daemon::start(&[QUIET_RESERVE]);
    assert!(!quiet.log().contains("HTTP is plain"), "{}", quiet.log());
}
