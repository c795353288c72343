//! What may be asked, and how many may ask.

use std::sync::Arc;

use super::explain::{ExplainRequest, Explainer};
use super::refusal::Refusal;
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;
use crate::identity::Keyring;
use crate::snapshot::load::Loaded;

fn asked(query: serde_json::Value) -> Result<(), Refusal> {
    let request: ExplainRequest = serde_json::from_value(query).unwrap();
    request.read().map(drop)
}

#[test]
fn what_is_wrong_is_named() {
    let id = "3F2504E0-4F89-41D3-9A0C-0305E82C3301";
    let nil = "00000000-0000-0000-0000-000000000000";
    let wrong = [
        (serde_json::json!({"campaign": "1"}), "/device"),
        (serde_json::json!({"device": "me", "campaign": "1"}), "/device"),
        (serde_json::json!({"device": nil, "campaign": "1"}), "/device"),
        (serde_json::json!({"device": id}), "/campaign"),
        (serde_json::json!({"device": id, "campaign": "-1"}), "/campaign"),
        (serde_json::json!({"device": id, "campaign": "1", "last": "0"}), "/last"),
        (serde_json::json!({"device": id, "campaign": "1", "last": "101"}), "/last"),
    ];
    for (query, pointer) in wrong {
        let problem = Problem::from(asked(query.clone()).unwrap_err());
        let told = serde_json::to_value(&problem).unwrap();
        assert_eq!((problem.status(), told["pointer"].as_str()), (422, Some(pointer)), "{query}");
    }
    asked(serde_json::json!({"device": id, "campaign": "1", "last": "100"})).unwrap();
    asked(serde_json::json!({"device": id.to_lowercase(), "campaign": "1"})).unwrap();
}

#[test]
fn two_accounts_may_read_at_a_time_and_others_come_again() {
    let find = |_epoch, _before: Option<&Loaded>| Err("none".to_owned());
    let explainer = Explainer::new("nowhere".into(), Keyring::from_seed([1; 32]), Arc::new(find));
    let refused = |account: u32| {
        let refused = explainer.leave(AccountId(account)).err().map(Problem::from);
        refused.map(|problem| (problem.status(), problem.retry_s()))
    };
    let first = explainer.leave(AccountId(1)).unwrap();
    assert_eq!(refused(1), Some((429, Some(10))), "one of each");
    let second = explainer.leave(AccountId(2)).unwrap();
    assert_eq!(refused(3), Some((429, Some(10))), "two of all");
    drop(first);
    assert_eq!((refused(2), refused(3)), (Some((429, Some(10))), None));
    drop(second);
    assert_eq!(refused(2), None);
}
