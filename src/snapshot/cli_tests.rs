//! The commands, on the example files.

use std::path::Path;

use clap::Parser;
use serde_json::Value;

use super::cli::{Host, SnapshotCommand};
use crate::domain::lots::InstallationKey;
use crate::domain::units::UtcMs;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: SnapshotCommand,
}

/// Runs a command line at 2026-11-23T12:00:00Z; its output, or its error.
fn run(arguments: &[&str]) -> Result<String, String> {
    let line = Line::try_parse_from(["snapshot"].iter().chain(arguments))
        .map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let open_key = |_dir: &Path| Ok(InstallationKey([1; 32]));
    let host = Host { now: UtcMs(1_795_435_200_000), open_key: &open_key, out: &mut out };
    line.command.run(host).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

fn example(name: &str) -> String {
    format!("{}/configs/example/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn build(dir: &str, campaigns: &str) -> Result<String, String> {
    let fences = example("fences.geojson");
    run(&["build", "--fences", &fences, "--campaigns", campaigns, "-o", dir, "--keys", "keys"])
}

#[test]
fn from_files_to_a_rollback() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("snapshots").display().to_string();
    let built = build(&store, &example("campaigns.json")).unwrap();
    assert!(
        built.starts_with("epoch 1 ") && built.contains("11 blocks, 11 of them new"),
        "{built}"
    );
    assert_eq!(
        build(&store, &example("campaigns.json")).unwrap(),
        "nothing changed; epoch 1 stays the newest\n"
    );

    let edited = dir.path().join("edited.json");
    let text = std::fs::read_to_string(example("campaigns.json")).unwrap();
    std::fs::write(&edited, text.replace("\"priority\": 10", "\"priority\": 11")).unwrap();
    let built = build(&store, &edited.display().to_string()).unwrap();
    assert!(built.starts_with("epoch 2 ") && built.contains("11 blocks, 2 of them new"), "{built}");

    let differs = run(&["diff", &store, "1"]).unwrap();
    assert_eq!(differs, "account 1 changed\naccount 1: campaign 1 changed\n");
    assert_eq!(run(&["rollback", &store, "1"]).unwrap(), "epoch 3 has the content of epoch 1\n");
    assert_eq!(run(&["diff", &store, "1", "3"]).unwrap(), "no difference\n");
    let list = run(&["list", &store]).unwrap();
    assert_eq!(list.lines().count(), 3);
    assert!(list.lines().last().unwrap().ends_with("(rollback to epoch 1)"), "{list}");
    assert!(run(&["verify", &store]).unwrap().contains("is sound"));
}

#[test]
fn fences_are_put_in_and_taken_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("snapshots").display().to_string();
    build(&store, &example("campaigns.json")).unwrap();
    let put = dir.path().join("put.geojson").display().to_string();
    let write = |id: &str, more: &str| {
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","id":"{id}",
            "properties":{{"radius_m":80{more}}},"geometry":{{"type":"Point","coordinates":[127.0,37.5]}}}}]}}"#
        );
        std::fs::write(&put, text).unwrap();
    };
    let edit = |arguments: &[&str]| run(&[&["edit", &store, "--account", "1"], arguments].concat());
    write("new gate", "");
    let told = edit(&["--put", &put]).unwrap();
    assert!(told.starts_with("epoch 2 ") && told.contains("2 of them new"), "{told}");
    assert!(told.contains("nobody watches fence \"new gate\": it causes nothing"), "{told}");
    let told = edit(&["--put", &put]).unwrap();
    assert!(told.starts_with("nothing changed; epoch 2 stays the newest\n"), "{told}");
    edit(&["--remove", "new gate"]).unwrap();
    assert_eq!(run(&["diff", &store, "1", "3"]).unwrap(), "no difference\n");
    write("\\u001b[2J", "");
    edit(&["--put", &put]).unwrap();
    let differs = run(&["diff", &store, "3", "4"]).unwrap();
    assert!(differs.contains(r#"account 1: target "\u{1b}[2J" added"#), "{differs}");
    assert!(!differs.contains('\u{1b}'), "nothing steers the terminal");

    let refused = edit(&["--remove", "new gate"]).unwrap_err();
    assert!(refused.starts_with("account 1 has no fence \"new gate\""), "{refused}");
    write("new gate", r#","campaigns":[1]"#);
    let refused = edit(&["--put", &put]).unwrap_err();
    assert!(refused.contains("leave the property out"), "{refused}");
    assert!(edit(&[]).unwrap_err().contains("--put"));
    let empty = dir.path().display().to_string();
    let refused = run(&["edit", &empty, "--account", "1", "--remove", "a"]).unwrap_err();
    assert!(refused.contains(&empty), "{refused}");
}

#[test]
fn an_edit_undoes_nothing_that_came_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("snapshots").display().to_string();
    build(&store, &example("campaigns.json")).unwrap();
    let fence = |id: &str| {
        format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","id":"{id}",
            "properties":{{"radius_m":80}},"geometry":{{"type":"Point","coordinates":[127.0,37.5]}}}}]}}"#
        )
    };
    let [pipe, put] = ["pipe", "put"].map(|name| dir.path().join(name).display().to_string());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(&put, fence("second")).unwrap();
    let edit = |put: &str| run(&["edit", &store, "--account", "1", "--put", put]);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| edit(&pipe));
        // Opening waits until the edit reads its file, which it does once it has the store's newest epoch.
        let mut open = std::fs::File::options().write(true).open(&pipe).unwrap();
        assert!(edit(&put).unwrap().starts_with("epoch 2 "));
        std::io::Write::write_all(&mut open, fence("first").as_bytes()).unwrap();
        drop(open);
        let refused = slow.join().unwrap().unwrap_err();
        assert!(refused.contains("epoch 2"), "{refused}");
    });
    let newest = format!("{store}/epochs/{:020}", 2);
    let mut bytes = std::fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let refused = edit(&put).unwrap_err();
    assert!(refused.starts_with("epoch 2 can't be used"), "{refused}");
}

#[test]
fn inspect_shows_accounts_and_campaigns() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().display().to_string();
    build(&store, &example("campaigns.json")).unwrap();
    let text = run(&["inspect", &store]).unwrap();
    assert!(
        text.contains("account 1 \"Example Coffee\", Asia/Seoul: 5 targets, 3 campaigns"),
        "{text}"
    );
    assert!(
        text.contains(
            "campaign 2 \"여의도 산책\": running since epoch 1, dwell 300 s again after 86400 s"
        ),
        "{text}"
    );
    let document: Value =
        serde_json::from_str(&run(&["inspect", &store, "1", "--json"]).unwrap()).unwrap();
    assert_eq!(document["valid_from"], "2026-11-23");
    assert_eq!(document["accounts"][0]["campaigns"][0]["holdout_pct"], 10);
    assert_eq!(document["accounts"][0]["campaigns"][2]["test_devices"], 1);
}

#[test]
fn a_damaged_newest_epoch_blocks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().display().to_string();
    build(&store, &example("campaigns.json")).unwrap();
    std::fs::write(dir.path().join("epochs/00000000000000000002"), b"nonsense").unwrap();
    let list = run(&["list", &store]).unwrap();
    assert!(list.contains("epoch 2 can't be used") && list.lines().count() == 2, "{list}");
    let list = run(&["list", &store, "--json"]).unwrap();
    let last: Value = serde_json::from_str(list.lines().last().unwrap()).unwrap();
    assert_eq!((&last["epoch"], last["error"].is_string()), (&Value::from(2), true));
    let built = build(&store, &example("campaigns.json")).unwrap();
    assert!(built.contains("epoch 2 can't be used and is passed over"), "{built}");
    assert!(built.contains("epoch 3 "), "a new epoch stands above the damaged one: {built}");
    assert_eq!(run(&["rollback", &store, "1"]).unwrap(), "epoch 4 has the content of epoch 1\n");
}

#[test]
fn gc_keeps_the_newest_and_limits_are_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().display().to_string();
    build(&store, &example("campaigns.json")).unwrap();
    run(&["rollback", &store, "1"]).unwrap();
    assert_eq!(run(&["gc", &store]).unwrap(), "0 files with 0 bytes removed\n");
    let full = run(&["rollback", &store, "1", "--max-bytes", "10"]).unwrap_err();
    assert!(full.contains("--max-bytes"), "{full}");
    let swept = run(&["gc", &store, "--keep", "1"]).unwrap();
    assert!(swept.starts_with("epoch 1 removed\n"), "{swept}");
    assert!(run(&["verify", &store]).unwrap().contains("epoch 2"));
}

#[test]
fn what_goes_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().display().to_string();
    assert!(run(&["inspect", &store]).unwrap_err().contains("is no snapshot store"));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "looking makes no store");
    assert!(build(&store, "nowhere.json").unwrap_err().contains("nowhere.json can't be read"));
    assert!(run(&["inspect", &store]).unwrap_err().contains("holds no snapshot"));
    assert!(run(&["verify", &store, "4"]).unwrap_err().contains("no epoch 4"));
    let (fences, campaigns) = (example("fences.geojson"), example("campaigns.json"));
    let keyless = run(&["build", "--fences", &fences, "--campaigns", &campaigns, "-o", &store]);
    assert!(keyless.unwrap_err().contains("--keys"));
    let swapped =
        run(&["build", "--fences", &campaigns, "--campaigns", &fences, "-o", &store]).unwrap_err();
    assert!(swapped.contains("fences.geojson: accounts is missing"), "{swapped}");
}
