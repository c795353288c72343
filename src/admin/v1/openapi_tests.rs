//! `/openapi.json`: it describes what is served, and all that it refers to is there.

use serde_json::{Value, json};

use super::served::Served;
use super::{campaign_api, operator_api, upload_api};

fn description() -> Value {
    let apis = [campaign_api(), operator_api(), upload_api()].map(|api| api.into_parts().1);
    let [own, operators, uploads] = apis;
    serde_json::to_value(own.merge_from(operators).merge_from(uploads)).unwrap()
}

/// Every value below one, and itself.
fn each<'v>(value: &'v Value, look: &mut dyn FnMut(&'v Value)) {
    look(value);
    match value {
        Value::Array(list) => list.iter().for_each(|one| each(one, look)),
        Value::Object(members) => members.values().for_each(|one| each(one, look)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    let document = description();
    let mut count = 0;
    each(&document, &mut |value| {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        count += 1;
    });
    assert!(count > 100, "{count}");
}

#[test]
fn every_operation_is_told_completely() {
    let document = description();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{at}: twice");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{at}");
            assert!(operation["tags"][0].is_string(), "{at}");
            let responses = operation["responses"].as_object().unwrap();
            let problem = &responses["default"]["content"]["application/problem+json"]["schema"];
            assert_eq!(problem["$ref"], "#/components/schemas/Problem", "{at}");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_path = parameters.iter().filter(|one| one["in"] == "path");
            assert_eq!(in_path.count(), path.matches('{').count(), "{at}");
            let has_body = (method == "put" || method == "post") && !path.ends_with("/accept");
            assert_eq!(operation.get("requestBody").is_some(), has_body, "{at}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}

#[tokio::test]
async fn what_is_described_is_served_and_nothing_else() {
    let (served, document) = (Served::new().await, description());
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "delete", "patch"] {
            if (method, path.as_str()) == ("get", "/v1/notices/stream") {
                // It has no end; its own tests read it.
                continue;
            }
            let line = format!("{} {}", method.to_uppercase(), path.replace("{id}", "77"));
            let answer = served.ask(1, &line, &[], json!({})).await;
            let is_described = item.get(method).is_some();
            assert_eq!(answer.status.as_u16() != 405, is_described, "{line}");
            // A route's own 404 is a problem; the framework's has no body.
            assert!(answer.status.as_u16() != 404 || answer.body["type"].is_string(), "{line}");
        }
    }
}

/// A schema's members, with those of the schemas that it is made of.
fn members(document: &Value, schema: &Value) -> Vec<String> {
    let mut found: Vec<String> = match schema["properties"].as_object() {
        Some(properties) => properties.keys().cloned().collect(),
        None => Vec::new(),
    };
    if let Some(reference) = schema["$ref"].as_str() {
        found.extend(members(document, document.pointer(&reference[1..]).unwrap()));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(members(document, part));
    }
    found.sort_unstable();
    found
}

#[test]
fn pages_are_described_as_what_is_in_them() {
    let document = description();
    let paths = document["paths"].as_object().unwrap();
    let mut compared = 0;
    for (path, item) in paths {
        let schema = |item: &Value| {
            item["get"]["responses"]["200"]["content"]["application/json"]["schema"].clone()
        };
        let Some(one) = paths.get(&format!("{path}/{{id}}")) else { continue };
        let page = schema(item)["$ref"].as_str().unwrap().to_owned();
        let items = document.pointer(&page[1..]).unwrap()["properties"]["items"]["items"].clone();
        let (of_page, of_one) = (members(&document, &items), members(&document, &schema(one)));
        assert_eq!(of_page, of_one, "{path}");
        assert!(of_one.len() > 5, "{path}: {of_one:?}");
        compared += 1;
    }
    assert_eq!(compared, 17, "each kind of document, and backtests");
}

#[tokio::test]
async fn answers_have_the_members_that_are_described() {
    let (served, document) = (Served::new().await, description());
    let named = [
        ("GET /v1/account", "/v1/account", "get"),
        ("GET /v1/apps/1", "/v1/apps/{id}", "get"),
        ("GET /v1/apps", "/v1/apps", "get"),
        ("GET /v1/audit", "/v1/audit", "get"),
    ];
    for (line, path, method) in named {
        let answer = served.ask(1, line, &[], Value::Null).await;
        let content = &document["paths"][path][method]["responses"]["200"]["content"];
        let described = members(&document, &content["application/json"]["schema"]);
        for member in answer.body.as_object().unwrap().keys() {
            assert!(described.contains(member), "{line}: {member} is not among {described:?}");
        }
    }
}
