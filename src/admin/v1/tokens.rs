//! Tokens: an account's own, within what its caller holds; any account's for operators.
//!
//! They are kept in the book that gateways and consumers are known by, and that `geofenced token` changes. The catalog
//! has the account and its audit log: a change is noted there first, and undone if the book does not take it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::openapi::HttpMethod;

use super::answer::refused;
use super::api::{Api, Endpoint, Named};
use super::request::{Number, json, shaped};
use super::service::{Service, Shared};
use crate::auth::authority::Authority;
use crate::auth::book::BookError;
use crate::auth::command::NewToken;
use crate::auth::delegation::{By, Listed};
use crate::auth::grant::{Apps, Grant, Scope};
use crate::auth::token::Token;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::document::instant;
use crate::control::refusal::Refusal;
use crate::control::store::Kind;
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;

/// A token that is to be made.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What to call it, 1 to 100 characters; no other live one of the account has it.
    name: String,
    /// The numbers of the apps it speaks for, or "all"; all where it is left out.
    #[serde(default = "all_apps")]
    #[schema(value_type = AppsShape)]
    apps: Apps,
    /// What it allows: at least one.
    scopes: Vec<Scope>,
}

/// How [`Apps`] are written.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes; nothing is made of it")]
enum AppsShape {
    /// Their numbers.
    Only(Vec<u32>),
    /// All of the account's.
    All(AllApps),
}

/// The word for all apps of the account.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes; nothing is made of it")]
enum AllApps {
    All,
}

fn all_apps() -> Apps {
    Apps::All
}

/// A token, without its text.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct TokenShown {
    /// What it is called.
    name: String,
    /// The numbers of the apps it speaks for, or "all".
    #[schema(value_type = AppsShape)]
    apps: Apps,
    /// What it allows.
    scopes: Vec<Scope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    /// When it was revoked, if it was.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<jiff::Timestamp>,
    /// Requests and connections that have shown it since `counted_since`.
    uses: u64,
    /// When the last of them was.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<jiff::Timestamp>,
}

/// All tokens of an account.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct TokenList {
    /// The oldest first; revoked ones stay for a while.
    items: Vec<TokenShown>,
    /// Since when uses are counted: the start of the daemon's process.
    #[schema(value_type = Option<String>, format = DateTime)]
    counted_since: Option<jiff::Timestamp>,
}

/// A token that was made.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
struct TokenMade {
    /// Its text, which is told this once and kept nowhere.
    token: String,
    /// What it is called.
    name: String,
    /// The numbers of the apps it speaks for, or "all".
    #[schema(value_type = AppsShape)]
    apps: Apps,
    /// What it allows.
    scopes: Vec<Scope>,
}

/// Those of the caller's account.
pub(super) fn own(api: Api) -> Api {
    let [listing, making, revoking] = endpoints("/v1/tokens", "one's own", &[NAME]);
    api.serve(listing, get(list_own))
        .serve(making, post(make_own))
        .serve(revoking, delete(revoke_own))
}

/// Those of any account, for operators.
pub(super) fn all(api: Api) -> Api {
    let path = "/v1/accounts/{id}/tokens";
    let [listing, making, revoking] = endpoints(path, "an account's", &[ACCOUNT, NAME]);
    let (listing, making) =
        (Endpoint { in_path: &[ACCOUNT], ..listing }, Endpoint { in_path: &[ACCOUNT], ..making });
    api.serve(listing, get(list_any))
        .serve(making, post(make_any))
        .serve(revoking, delete(revoke_any))
}

const ACCOUNT: (&str, &str) = ("id", "The account's number");
const NAME: (&str, &str) = ("name", "What the token is called");

fn endpoints(
    path: &str,
    whose: &str,
    in_path: &'static [(&'static str, &'static str)],
) -> [Endpoint; 3] {
    let endpoint = |method, path: String, summary: String| Endpoint {
        method,
        path,
        tag: "tokens",
        summary,
        in_path: &[],
        in_query: &[],
        in_header: &[],
        body: None,
        answer: (204, "It is revoked, and its connections are ended", None),
    };
    let list = endpoint(HttpMethod::Get, path.to_owned(), format!("List {whose} tokens"));
    let make = endpoint(HttpMethod::Post, path.to_owned(), format!("Make {whose} token"));
    let revoke = format!("Revoke {whose} token");
    [
        Endpoint { answer: (200, "All of them", Some(Named::of::<TokenList>())), ..list },
        Endpoint {
            body: Some(Named::of::<TokenRequest>()),
            answer: (
                201,
                "It was made; its text is told this once",
                Some(Named::of::<TokenMade>()),
            ),
            ..make
        },
        Endpoint { in_path, ..endpoint(HttpMethod::Delete, format!("{path}/{{name}}"), revoke) },
    ]
}

async fn list_own(State(service): State<Shared>, Extension(grant): Extension<Grant>) -> Response {
    list(&service, service.caller(&grant), By::Holder(grant)).await
}

async fn list_any(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(account): Number,
) -> Response {
    list(&service, service.operator(&grant, AccountId(account)), By::Operator).await
}

async fn list(service: &Service, actor: Actor, by: By) -> Response {
    let authority = Arc::clone(&service.authority);
    let looked = service.look(actor, move |desk| {
        let items = authority.tokens(desk.account_id(), &by).into_iter().map(shown).collect();
        Ok(TokenList { items, counted_since: authority.counted_since().map(instant) })
    });
    looked.await.map_or_else(refused, |list| Json(list).into_response())
}

async fn make_own(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    request: Request,
) -> Result<Response, Problem> {
    make(&service, service.caller(&grant), By::Holder(grant), request).await
}

async fn make_any(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(account): Number,
    request: Request,
) -> Result<Response, Problem> {
    let actor = service.operator(&grant, AccountId(account));
    make(&service, actor, By::Operator, request).await
}

async fn make(
    service: &Service,
    actor: Actor,
    by: By,
    request: Request,
) -> Result<Response, Problem> {
    let (body, _bytes) = json(request).await?;
    let wanted: TokenRequest = shaped(&body)?;
    let (authority, now) = (Arc::clone(&service.authority), instant(actor.now));
    let told = wanted.clone();
    let made = service.change(actor, move |desk| {
        check_apps(desk, &wanted.apps)?;
        let text = serde_json::to_string(&wanted).expect("it has text for keys");
        desk.note_token("create", "", &text)?;
        let token = add(&authority, &by, desk.account_id(), &wanted, now);
        token.map_err(foreign)
    });
    let TokenRequest { name, apps, scopes } = told;
    Ok(made.await.map_or_else(refused, |(token, _epoch)| {
        let made = TokenMade { token: token.reveal(), name, apps, scopes };
        (StatusCode::CREATED, Json(made)).into_response()
    }))
}

fn add(
    authority: &Authority,
    by: &By,
    account: AccountId,
    TokenRequest { name, apps, scopes }: &TokenRequest,
    now: jiff::Timestamp,
) -> Result<Token, BookError> {
    authority.make(by, NewToken { name, account, apps: apps.clone(), scopes }, now)
}

/// A token for an app that is not there is a slip.
fn check_apps(desk: &mut Desk<'_>, apps: &Apps) -> Result<(), Refusal> {
    let Apps::Only(apps) = apps else { return Ok(()) };
    for app in apps.iter() {
        match desk.record(Kind::App, app.0) {
            Err(Refusal::NoSuch(_)) => {
                let detail = format!("there is no app {app}; allowed: the account's, or \"all\"");
                return Err(Refusal::field("/apps", detail));
            }
            found => drop(found?),
        }
    }
    Ok(())
}

async fn revoke_own(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Path(name): Path<String>,
) -> Response {
    revoke(&service, service.caller(&grant), By::Holder(grant), name).await
}

async fn revoke_any(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Path((account, name)): Path<(u32, String)>,
) -> Response {
    revoke(&service, service.operator(&grant, AccountId(account)), By::Operator, name).await
}

async fn revoke(service: &Service, actor: Actor, by: By, name: String) -> Response {
    let (authority, now) = (Arc::clone(&service.authority), instant(actor.now));
    let revoked = service.change(actor, move |desk| {
        let token = authority.revocable(&by, desk.account_id(), &name).map_err(foreign)?;
        let (apps, scopes) = (token.apps.clone(), token.scopes.clone());
        let text = serde_json::to_string(&TokenRequest { name, apps, scopes });
        desk.note_token("revoke", &text.expect("it has text for keys"), "")?;
        authority.revoke(&token, now).map_err(foreign)
    });
    revoked.await.map_or_else(refused, |((), _epoch)| StatusCode::NO_CONTENT.into_response())
}

fn foreign(error: BookError) -> Refusal {
    Refusal::Foreign(Box::new(error.into()))
}

fn shown(Listed { entry, uses, last_used }: Listed) -> TokenShown {
    TokenShown {
        name: entry.name,
        apps: entry.apps,
        scopes: entry.scopes,
        created_at: entry.created,
        revoked_at: entry.revoked,
        uses,
        last_used_at: last_used.map(instant),
    }
}
