//! The campaign API over a catalog of its own, asked without a socket: for the tests of this part.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::{Extension, Router, middleware};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Service, Streams, campaign_api, gate, operator_api, upload_api, wait_for_epoch};
use crate::auth::authority::Authority;
use crate::auth::book::{Book, TokenEntry};
use crate::auth::grant::{Apps, Grant, Scope};
use crate::auth::token::Token;
use crate::clock::{Clock, Hands};
use crate::control::compiler::Publications;
use crate::control::config::CampaignsConfig;
use crate::control::samples::{NOON, app, keyring};
use crate::control::store::{Catalog, SqliteStore};
use crate::control::uploads::Depot;
use crate::domain::ids::{AccountId, Epoch};
use crate::shutdown::{Shutdown, Stage};

/// Accounts 1 and 2, each with an app, and the operator.
pub(super) struct Served {
    router: Router,
    pub(super) service: Arc<Service>,
    pub(super) authority: Arc<Authority>,
    pub(super) publications: Arc<Publications>,
    pub(super) in_force: Arc<AtomicU64>,
    pub(super) hands: Hands,
    /// The daemon's end, which nothing but streams looks at here.
    pub(super) shutdown: Shutdown,
    pub(super) dir: tempfile::TempDir,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The kind of a problem document with this status.
    pub(super) fn problem(&self, status: u16) -> &str {
        assert_eq!(
            (self.status.as_u16(), &self.body["status"]),
            (status, &json!(status)),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
        self.body["type"].as_str().unwrap().strip_prefix("urn:geofenced:problem:").unwrap()
    }

    /// The pointers of a problem's errors.
    pub(super) fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().unwrap().iter();
        errors.map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

fn token(account: u32) -> Token {
    Token::from_bytes([u8::try_from(account).unwrap() + 1; 32])
}

fn authority() -> Authority {
    let mut book = Book::default();
    for account in 0..=2 {
        book.tokens.push(TokenEntry {
            hash: token(account).hash(),
            name: format!("token {account}"),
            account: AccountId(account),
            apps: Apps::All,
            scopes: vec![Scope::Campaigns, Scope::Admin],
            created: jiff::Timestamp::UNIX_EPOCH,
            revoked: None,
        });
    }
    Authority::of(book)
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::with(|service, _dir| service).await
    }

    /// With more of the daemon, which may lie in the directory.
    pub(super) async fn with(more: impl FnOnce(Service, &Path) -> Service) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("catalog.db")).unwrap();
        let member = Shutdown::new().join(Stage::Admin, "catalog");
        let catalog = Catalog::spawn(Box::new(store), member).unwrap();
        let publications = Arc::new(Publications::from(Epoch(1)));
        let in_force = Arc::new(AtomicU64::new(0));
        let looked_at = Arc::clone(&in_force);
        let (clock, hands) = Clock::manual(NOON);
        let shutdown = Shutdown::new();
        let authority = Arc::new(authority());
        let config = CampaignsConfig { streams: 3, streams_per_account: 2, ..Default::default() };
        let service = Service::new(
            catalog,
            Arc::clone(&publications),
            Arc::new(move || Epoch(looked_at.load(Ordering::Relaxed))),
            Depot::open(&dir.path().join("uploads")).unwrap(),
            (keyring(), clock),
        );
        let service = service.with_tokens(Arc::clone(&authority));
        let service = service.with_streams(Streams::new(config, shutdown.clone()));
        let service = Arc::new(more(service, dir.path()));
        let waiting = middleware::from_fn_with_state(Arc::clone(&service), wait_for_epoch);
        let gate = middleware::from_fn_with_state(Arc::clone(&service), gate);
        let own = campaign_api().into_parts().0.route_layer(waiting);
        let own = own.merge(upload_api().into_parts().0).route_layer(gate);
        let router = own.merge(operator_api().into_parts().0).with_state(Arc::clone(&service));
        let served =
            Self { router, service, authority, publications, in_force, hands, shutdown, dir };
        for account in 1..=2 {
            let made = served
                .ask(0, "POST /v1/accounts", &[], json!({ "name": "Mart", "membership": "basic" }))
                .await;
            assert_eq!((made.status, &made.body["id"]), (StatusCode::CREATED, &json!(account)));
            assert_eq!(served.ask(account, "POST /v1/apps", &[], app()).await.status, 201);
        }
        served
    }

    pub(super) fn grant(&self, account: u32) -> Grant {
        self.authority.by_token(&token(account).reveal(), Scope::Campaigns).unwrap()
    }

    /// Asks with the token of an account, 0 for the operator; a body of null is none.
    pub(super) async fn ask(
        &self,
        account: u32,
        line: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(account, line, headers, text).await
    }

    pub(super) async fn send(
        &self,
        account: u32,
        line: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let response = self.begin(account, line, headers, body).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// An answer whose body is still to come.
    pub(super) async fn begin(
        &self,
        account: u32,
        line: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = self.router.clone().layer(Extension(self.grant(account)));
        router.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    pub(super) async fn get(&self, account: u32, path: &str) -> Answer {
        self.ask(account, &format!("GET {path}"), &[], Value::Null).await
    }
}
