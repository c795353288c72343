//! What is wrong with one segment is told there, and keeps nobody else waiting.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::keeper::{NOT_MEASURED, Rounds, SegmentKeeper};
use crate::clock::{Clock, Hands};
use crate::control::compiler::Publications;
use crate::control::desk::Desk;
use crate::control::desk::changes::Seen;
use crate::control::desk::states::State;
use crate::control::documents::{Account, Campaign, Membership, Place, Region, Segment, Shown};
use crate::control::refusal::Refusal;
use crate::control::samples::{
    Installation, NOON, campaign, keyring, parsed, place, refused, region, set,
};
use crate::control::store::{Catalog, Content, Kind, Store as _, thread};
use crate::domain::ids::AccountId;
use crate::domain::problem::Kind as Problems;
use crate::outbox::derived::{Figures, RetentionConfig};
use crate::outbox::samples::World;
use crate::outbox::{Outbox, OutboxConfig};
use crate::shutdown::{Member, Shutdown, Stage};

const ACCOUNT: AccountId = AccountId(1);

/// A keeper over an account that measures visits, and what it needs.
struct Office {
    keeper: SegmentKeeper,
    rounds: Rounds,
    member: Member,
    hands: Hands,
    /// Whose figures follow it.
    _outbox: Outbox,
    _dirs: [TempDir; 3],
}

impl Office {
    fn new() -> Self {
        let (mut installation, _account) = Installation::with(Membership::Basic);
        let measuring = set(account(), "/measure_visits", json!(true));
        let measured = installation
            .at(ACCOUNT, |desk| desk.replace::<Account>(ACCOUNT.0, &Seen::Any, parsed(measuring)));
        measured.unwrap();
        let Installation { dir, store, .. } = installation;
        let (records, counts) = (tempdir().unwrap(), tempdir().unwrap());
        let outbox = World::new().open(records.path(), OutboxConfig::default());
        let (sealer, retention) = (keyring().sealer(), RetentionConfig::default());
        let figures = Figures::follow(counts.path(), 1 << 20, &outbox, sealer, retention).unwrap();
        let reader = store.reader().unwrap();
        let shutdown = Shutdown::new();
        let of_catalog = shutdown.join(Stage::Admin, "catalog");
        let catalog = Catalog::spawn(Box::new(store), of_catalog).unwrap();
        let (clock, hands) = Clock::manual(NOON);
        let (publications, keyring) = (Arc::new(Publications::default()), keyring());
        let keeper = SegmentKeeper { catalog, reader, figures, publications, keyring, clock };
        let member = shutdown.join(Stage::Admin, "segments");
        let (rounds, dirs) = (Rounds::default(), [dir, records, counts]);
        Self { keeper, rounds, member, hands, _outbox: outbox, _dirs: dirs }
    }

    fn at<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let actor = self.keeper.actor(ACCOUNT);
        self.keeper.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| work(&mut Desk::open(tx, &actor)?))
        })
    }

    /// A segment as an older release, or a fault, may have left it.
    fn put(&self, body: &Value, state: &str) -> u32 {
        let content =
            Content { state: state.to_owned(), body: body.to_string(), ..Content::default() };
        let put = move |desk: &mut Desk<'_>| {
            let now = desk.now();
            Ok(desk.tx().insert((ACCOUNT, Kind::Segment), content, now)?.key.id)
        };
        self.at(put).unwrap()
    }

    fn look(&mut self) {
        self.keeper.look(&mut self.rounds, &self.member).unwrap();
    }

    /// Whether the engine was told of a change since the last time.
    fn told(&self) -> bool {
        self.keeper.publications.take(Duration::ZERO, Duration::ZERO).is_some()
    }

    fn shown(&self, id: u32) -> Shown<Segment> {
        self.at(move |desk| desk.get::<Segment>(id)).unwrap()
    }

    fn size(&self, id: u32) -> Option<u64> {
        self.keeper.figures.looked_up((ACCOUNT, id)).unwrap().map(|known| known.size)
    }
}

fn account() -> Value {
    json!({ "name": "Mart", "membership": "basic" })
}

fn segment(block: Value) -> Value {
    let block = set(block, "/at_least", json!(1));
    json!({ "name": "Regulars", "history": { "days": 7, "blocks": [block] } })
}

#[test]
fn one_that_cannot_be_looked_up_says_why_and_is_tried_again_later() {
    let mut office = Office::new();
    let broken = office.put(&json!({ "name": 7 }), "usable");
    let hopeless = office.put(&segment(json!({ "regions": [1], "at_least": 1 })), "computing");
    let whole = office.put(&segment(json!({ "places": [1], "at_least": 1 })), "computing");
    office.look();
    assert_eq!((&*office.shown(whole).state, office.size(whole)), ("usable", Some(0)));
    let shown = office.shown(hopeless);
    assert_eq!(shown.state, "failed");
    assert_eq!(shown.document.reason, "there is no region 1 any more");
    assert_eq!((office.size(hopeless), office.size(broken)), (None, None));
    // No campaign starts with it, and is told what to do.
    let started = office.at(move |desk| {
        let addressing = set(campaign(), "/audience", json!({ "segment": hopeless }));
        let made = desk.create::<Campaign>(parsed(addressing), None)?;
        desk.set_state(made.id, &Seen::Any, State::Running)
    });
    let refusal = started.as_ref().map(|_| ()).unwrap_err().to_string();
    assert!(refusal.contains("its reason says why"), "{refusal}");
    assert_eq!(refused(started), Some(Problems::NotUsable));

    let district = region("state", None);
    office.at(move |desk| desk.create::<Region>(parsed(district), None)).unwrap();
    office.look();
    assert_eq!(office.shown(hopeless).revision, shown.revision, "it is not tried all the time");
    office.hands.advance_ms(super::keeper::RETRY_MS);
    office.look();
    let mended = office.shown(hopeless);
    assert_eq!((&*mended.state, &*mended.document.reason), ("usable", ""));
    assert_eq!(office.size(hopeless), Some(0));
}

#[test]
fn an_edit_is_a_new_try_and_nobody_else_s_reason_is_believed() {
    let mut office = Office::new();
    let id = office.put(&segment(json!({ "regions": [1], "at_least": 1 })), "computing");
    office.look();
    assert_eq!(office.shown(id).state, "failed");
    let store = place("s-1", (37.5, 127.0));
    office.at(|desk| desk.create::<Place>(parsed(store), None)).unwrap();
    let edited = segment(json!({ "places": [1], "at_least": 1 }));
    let edited = set(edited, "/reason", json!("because I say so"));
    office.at(move |desk| desk.replace::<Segment>(id, &Seen::Any, parsed(edited))).unwrap();
    let shown = office.shown(id);
    assert_eq!((&*shown.state, &*shown.document.reason), ("computing", ""));
    office.look();
    assert_eq!(office.shown(id).state, "usable");
}

#[test]
fn nobody_belongs_to_a_segment_while_visits_are_not_measured() {
    let mut office = Office::new();
    let id = office.put(&segment(json!({ "places": [1], "at_least": 1 })), "computing");
    office.look();
    assert_eq!((&*office.shown(id).state, office.size(id)), ("usable", Some(0)));
    let started = office.at(move |desk| {
        let addressing = set(campaign(), "/audience", json!({ "segment": id }));
        let made = desk.create::<Campaign>(parsed(addressing), None)?;
        desk.set_state(made.id, &Seen::Any, State::Running)
    });
    started.unwrap();
    let measure = |office: &Office, on: bool| {
        let account = set(account(), "/measure_visits", json!(on));
        let replace = move |desk: &mut Desk<'_>| {
            desk.replace::<Account>(ACCOUNT.0, &Seen::Any, parsed(account))
        };
        office.at(replace).unwrap();
    };
    measure(&office, false);
    office.told();
    office.look();
    let stopped = office.shown(id);
    assert_eq!((&*stopped.state, &*stopped.document.reason), ("failed", NOT_MEASURED));
    assert_eq!(office.size(id), None);
    assert!(office.told(), "its campaign reaches nobody");
    office.hands.advance_ms(60_000);
    office.look();
    assert_eq!(office.shown(id).revision, stopped.revision, "it is said once");
    measure(&office, true);
    office.look();
    assert_eq!((&*office.shown(id).state, office.size(id)), ("usable", Some(0)));
}

#[test]
fn what_was_found_goes_with_its_segment_also_where_visits_are_measured_no_more() {
    let mut office = Office::new();
    let id = office.put(&segment(json!({ "places": [1], "at_least": 1 })), "computing");
    office.look();
    assert_eq!(office.size(id), Some(0));
    office
        .at(move |desk| {
            desk.replace::<Account>(ACCOUNT.0, &Seen::Any, parsed(account()))?;
            desk.delete::<Segment>(id, &Seen::Any)
        })
        .unwrap();
    office.look();
    assert_eq!(office.size(id), None);
}
