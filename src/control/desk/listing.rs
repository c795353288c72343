//! Lists: searched, filtered, sorted, a page at a time.

use std::fmt::Write as _;

use super::desk::Desk;
use super::rules::Ruled;
use crate::control::documents::{Document, Shown};
use crate::control::refusal::Refusal;
use crate::control::store::{By, Cursor, Kind, Link, Order, Query, Record, StoreError, Tx};
use crate::domain::ids::AccountId;
use crate::domain::problem::Fault;

/// What a listing can be asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListRequest {
    /// Part of the name or the code, in any case.
    pub search: String,
    /// States, separated by commas.
    pub state: String,
    /// `id`, `name` or `updated_at`; with a minus in front the largest first.
    pub sort: String,
    /// Where the page before ended.
    pub cursor: String,
    /// Documents a page, 1 to 1,000.
    pub limit: Option<u32>,
    /// Whether to count all that fit.
    pub count: bool,
    /// Only those of this group.
    pub group: Option<u32>,
    /// Only those of this brand.
    pub brand: Option<u32>,
    /// Only those of this category.
    pub category: Option<u32>,
    /// Only those in this district, or below this category.
    pub parent: Option<u32>,
    /// For any listing: wait for this epoch first.
    pub wait_epoch: Option<u64>,
}

/// Documents of a page where none are asked for, and the most.
pub const DEFAULT_LIMIT: u32 = 100;
/// The most of a page.
pub const MAX_LIMIT: u32 = 1000;

/// A page of a listing.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Listed<D> {
    /// The documents.
    pub items: Vec<Shown<D>>,
    /// What to send as `cursor` for the next page; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many there are in all, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Desk<'_> {
    /// A page.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with the parameter that is wrong.
    pub fn list<D: Ruled>(&mut self, asked: &ListRequest) -> Result<Listed<D>, Refusal> {
        let account = self.account_id();
        let mut page = page::<D>(self.tx, account, asked)?;
        for shown in &mut page.items {
            self.open_devices(self.key(D::KIND, shown.id), &mut shown.document)?;
        }
        Ok(page)
    }
}

/// A page is full with so many bytes of documents, whatever its limit: shapes of districts are long.
const PAGE_BYTES: usize = 8 << 20;

/// A page of one account's documents, without their lists of devices.
pub(super) fn page<D: Document>(
    tx: &mut dyn Tx,
    account: AccountId,
    asked: &ListRequest,
) -> Result<Listed<D>, Refusal> {
    let query = query(account, D::KIND, asked)?;
    let limit = query.limit;
    let (mut records, mut room) = (Vec::new(), PAGE_BYTES);
    // One more tells whether there is another page.
    let scanned = tx.scan(&Query { limit: limit + 1, ..query.clone() }, &mut |record| {
        let is_full = room == 0;
        room = room.saturating_sub(record.content.body.len());
        records.push(record);
        if is_full { Err(StoreError::GivenUp) } else { Ok(()) }
    });
    let is_full = matches!(scanned, Err(StoreError::GivenUp));
    if !is_full {
        scanned?;
    }
    let more = is_full || records.len() > limit as usize;
    if is_full {
        records.pop();
    }
    records.truncate(limit as usize);
    let next = records.last().filter(|_| more).map(|last| cursor_of(last, query.order));
    let total = if asked.count { Some(tx.count(&query)?) } else { None };
    let items = records.iter().map(Shown::of).collect::<Result<_, _>>()?;
    Ok(Listed { items, next, total })
}

fn query(account: AccountId, kind: Kind, asked: &ListRequest) -> Result<Query, Refusal> {
    let mut faults = Vec::new();
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        faults.push(Fault::new("limit", format!("limit is {limit}; allowed: 1 to {MAX_LIMIT}")));
    }
    let order = order(&asked.sort);
    if order.is_none() {
        let detail = format!(
            "sort is {:?}; allowed: id, name, updated_at, each with a minus in front",
            asked.sort
        );
        faults.push(Fault::new("sort", detail));
    }
    let order = order.unwrap_or(Order { by: By::Id, descending: false });
    let after = cursor(&asked.cursor, order);
    if after.is_none() && !asked.cursor.is_empty() {
        let detail = "this is no cursor of such a listing; allowed: next of the page before, with the same sort";
        faults.push(Fault::new("cursor", detail));
    }
    let parent = matches!(kind, Kind::Category | Kind::Region).then_some(kind);
    let filters = [
        ("group", asked.group, (kind == Kind::Geofence).then_some(Kind::Group)),
        ("brand", asked.brand, (kind == Kind::Place).then_some(Kind::Brand)),
        ("category", asked.category, (kind == Kind::Place).then_some(Kind::Category)),
        ("parent", asked.parent, parent),
    ];
    let mut linked = Vec::new();
    for (name, id, to) in filters {
        match (id, to) {
            (Some(id), Some(kind)) => linked.push(Link { kind, id }),
            (Some(_), None) => {
                let detail = format!("{} have no {name}; allowed: nothing", kind.path());
                faults.push(Fault::new(name, detail));
            }
            (None, _) => {}
        }
    }
    if !faults.is_empty() {
        return Err(Refusal::Faults(faults));
    }
    let states = asked.state.split(',').filter(|state| !state.is_empty()).map(str::to_owned);
    Ok(Query {
        account,
        kind,
        search: asked.search.clone(),
        states: states.collect(),
        linked,
        order,
        after,
        limit,
    })
}

fn order(sort: &str) -> Option<Order> {
    let (descending, name) = match sort.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, sort),
    };
    let by = match name {
        "" if !descending => By::Id,
        "id" => By::Id,
        "name" => By::Name,
        "updated_at" => By::UpdatedAt,
        _ => return None,
    };
    Some(Order { by, descending })
}

/// The record's place in an order, as text that goes into an address.
fn cursor_of(record: &Record, order: Order) -> String {
    let value = match order.by {
        By::Id => String::new(),
        By::Name => record.content.name.clone(),
        By::UpdatedAt => record.updated_at.0.to_string(),
    };
    let mut text = String::new();
    for byte in value.bytes() {
        let _infallible = write!(text, "{byte:02x}");
    }
    format!("{}-{text}", record.key.id)
}

fn cursor(text: &str, order: Order) -> Option<Cursor> {
    let (id, value) = text.split_once('-')?;
    let id = id.parse().ok()?;
    let digits = value.as_bytes().chunks(2);
    let bytes = digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
    let value = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
    let fits = match order.by {
        By::Id => value.is_empty(),
        By::Name => true,
        By::UpdatedAt => value.parse::<i64>().is_ok(),
    };
    fits.then_some(Cursor { value, id })
}
