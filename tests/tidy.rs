//! The house rules that no compiler knows: who may import whom, what is pure, words, sizes, promises.
//!
//! Every rule is a table and a test; a broken one names file, line and what to do. The scanner beside it is tried on
//! snippets at the end, so a rule that can no longer fail is noticed.

#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/scan.rs"]
mod scan;

use std::collections::BTreeSet;

use scan::{Named, Source, files};

/// Who may import whom. A part may always name itself, and every part but the pure ones the [`COMMON`] three.
/// An entry `a::b` opens that module alone. Imports point to the core or to the next stop's handle, never back.
const IMPORTS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("geo", &["domain"]),
    ("wire", &["domain"]),
    ("auth", &["domain"]),
    ("identity", &["domain"]),
    ("snapshot", &["domain", "geo"]),
    ("engine", &["domain", "geo", "snapshot::view", "snapshot::index"]),
    ("client", &["domain", "wire"]),
    ("journal", &["domain", "identity"]),
    ("outbox", &["domain", "identity", "snapshot::view"]),
    ("shard", &["domain", "identity", "engine", "snapshot", "journal", "outbox"]),
    // A submit gives a ticket and keeps to an allowance, so the three are one handle.
    ("ingest", &["domain", "wire", "auth", "shard::router", "shard::ticket", "shard::allowance"]),
    ("sink", &["domain", "identity", "outbox"]),
    ("offline", &["domain", "identity", "geo", "snapshot", "engine", "journal", "outbox"]),
    ("control", &["domain", "identity", "geo", "snapshot", "outbox", "offline"]),
    (
        "admin",
        &["domain", "auth", "identity", "control", "sink", "shard::router", "snapshot::slot"],
    ),
    ("telemetry", &["domain"]),
    ("clock", &["domain"]),
    ("shutdown", &["domain"]),
];

/// Imports of one file beyond its part's row, each for the reason given.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// What every part that is not pure may use.
const COMMON: &[&str] = &["telemetry", "clock", "shutdown"];

/// They join the parts and may name all of them. `config` is narrower: see its own test.
const JOINERS: &[&str] = &["app", "main", "lib", "config"];

/// Parts that compute and nothing else.
const PURE: &[&str] = &["domain", "geo", "wire", "snapshot", "engine"];

/// Modules of pure parts that touch files or pointers after all.
const IMPURE: &[&str] = &["snapshot::slot", "snapshot::load", "snapshot::store"];

/// What a pure part may not name: time, files, sockets, threads and logs come in as arguments or not at all.
const BANNED: &[&str] = &[
    "tokio",
    "quinn",
    "tracing",
    "log",
    "getrandom",
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "crate::clock",
    "crate::telemetry",
    "crate::shutdown",
];

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &[
    "manager", "managers", "handler", "handlers", "util", "utils", "helper", "helpers", "info",
    "infos",
];

/// Words that name nothing by themselves: no name ends in them, but for those that the standard library has given.
const EMPTY_ENDS: &[&str] = &["data"];
const GIVEN: &[&str] = &["sync_data"];

/// Words that need another one before them to be a type or a module.
const BARE_WORDS: &[&str] = &["event", "events"];

/// A longer file is a question: which noun is missing?
const MAX_LINES: usize = 450;

/// Files allowed to be longer, each with its reason. Keep it empty.
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn imports_point_to_the_core() {
    let mut wrong = Vec::new();
    for source in production() {
        let part = part(&source);
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == part) else {
            let known = JOINERS.contains(&part.as_str());
            if !known {
                wrong.push(format!("{}: {part} has no row in IMPORTS; add one", source.name));
            }
            continue;
        };
        let common = if PURE.contains(&part.as_str()) { &[] } else { COMMON };
        let excepted = EXCEPTIONS.iter().filter(|(name, ..)| *name == source.name).map(|row| row.1);
        let allowed: Vec<&str> = allowed.iter().chain(common).copied().chain(excepted).collect();
        for named in foreign(&source, &part) {
            let inside = named.path[1..].join("::");
            if !allowed.iter().any(|open| begins(&inside, open)) {
                let at = format!("{}:{}", source.name, named.line);
                wrong.push(format!("{at}: {part} may not name {inside}; it may name {allowed:?}"));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn the_config_names_the_parts_configs_alone() {
    let mut wrong = Vec::new();
    for source in production().iter().filter(|source| part(source) == "config") {
        for named in foreign(source, "config") {
            let last = named.path.last().map(String::as_str).unwrap_or_default();
            let config = last.ends_with("Config") || last.ends_with("Error");
            if !config && named.path[1] != "domain" {
                let path = named.path.join("::");
                wrong.push(format!(
                    "{}:{}: {path} is no part's Config, nor its Error",
                    source.name, named.line
                ));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn the_pure_parts_are_pure() {
    let mut wrong = Vec::new();
    for source in production().iter().filter(|source| PURE.contains(&part(source).as_str())) {
        let module = source.module().join("::");
        if IMPURE.iter().any(|impure| begins(&module, impure)) {
            continue;
        }
        for named in source.paths() {
            let path = named.path.join("::");
            // A lone word is a variable or a field; a crate or module is named to reach into it.
            let reaches = named.path.len() > 1 && BANNED.iter().any(|banned| begins(&path, banned));
            if reaches {
                wrong.push(format!(
                    "{}:{}: {path} has no place in a pure part; take what it gives as an argument",
                    source.name, named.line
                ));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn only_the_clock_reads_the_clock() {
    let mut wrong = Vec::new();
    for source in production().iter().filter(|source| source.name != "src/clock.rs") {
        let paths = source.paths();
        // Deadlines of timers are the runtime's own time, which its tests can stop.
        let timers = ["tokio", "time", "Instant"].map(str::to_owned);
        let has_timers = paths.iter().any(|named| named.path == timers);
        for named in &paths {
            let reads = |kind: &str| named.path.ends_with(&[kind.to_owned(), "now".to_owned()]);
            let timer = has_timers || named.path.starts_with(&timers);
            if reads("SystemTime") || (reads("Instant") && !timer) {
                let at = format!("{}:{}", source.name, named.line);
                wrong.push(format!("{at}: take the time from a crate::clock::Clock"));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn every_file_says_what_it_is_for() {
    let mute = all_rust().into_iter().filter(|source| !source.text.starts_with("//!"));
    fail(
        &mute
            .map(|s| format!("{}: open it with `//!` and what it is for", s.name))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for source in all_rust() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES && !LONG_FILES.iter().any(|(name, _)| *name == source.name) {
            wrong.push(format!(
                "{}: {lines} lines; split it, {MAX_LINES} is the limit",
                source.name
            ));
        }
    }
    for (name, _) in LONG_FILES {
        if text(name).lines().count() <= MAX_LINES {
            wrong.push(format!("{name} is not long any more; take it out of LONG_FILES"));
        }
    }
    fail(&wrong);
}

#[test]
fn names_say_something() {
    let mut wrong = Vec::new();
    for source in all_rust() {
        let file = Named { path: source.module(), line: 1 };
        for named in source.items().into_iter().chain([file]) {
            let name = named.path.last().cloned().unwrap_or_default();
            if let Some(word) = empty_word(&name) {
                let at = format!("{}:{}", source.name, named.line);
                wrong.push(format!("{at}: {name}: \"{word}\" says nothing; name what it is"));
            }
        }
    }
    fail(&wrong);
}

/// The word of a name that says nothing, if there is one.
fn empty_word(name: &str) -> Option<String> {
    let words = words(name);
    let is_in = |list: &[&str], word: &String| list.contains(&word.as_str());
    let is_type = name.starts_with(char::is_uppercase);
    let end = words.last().filter(|end| {
        let bare = is_type && words.len() == 1 && is_in(BARE_WORDS, end);
        bare || (is_in(EMPTY_ENDS, end) && !GIVEN.contains(&name))
    });
    words.iter().find(|word| is_in(EMPTY_WORDS, word)).or(end).cloned()
}

#[test]
fn every_module_is_on_the_map_and_declared() {
    let mut wrong = Vec::new();
    let sources = files("src", &[".rs"]);
    let declared = |name: &str, module: &str| {
        sources
            .iter()
            .any(|s| s.name == name && s.modules().iter().any(|(known, _)| known == module))
    };
    for source in &sources {
        let Some((folder, file)) = source.name.rsplit_once('/') else { continue };
        let (owner, module) = match (folder, file) {
            ("src", "lib.rs" | "main.rs") => continue,
            (_, "mod.rs") => folder.rsplit_once('/').unwrap_or((folder, folder)),
            _ => (folder, file.trim_end_matches(".rs")),
        };
        let list = if owner == "src" { "src/lib.rs".into() } else { format!("{owner}/mod.rs") };
        let beside = format!("{owner}.rs");
        if !declared(&list, module) && !declared(&beside, module) {
            wrong.push(format!("{}: {list} does not declare it", source.name));
        }
    }
    fail(&wrong);
}

#[test]
fn a_mod_file_is_prose_and_a_list() {
    let starts =
        ["#", "pub mod ", "mod ", "pub(crate) mod ", "pub use ", "pub(crate) use ", "pub(super) "];
    let mut wrong = Vec::new();
    for source in files("src", &["/mod.rs", "mod.rs"]) {
        let code = scan::code(&source.text);
        let listed = |line: &str| {
            let goes_on = line.is_empty() || line.ends_with([',', '{']) || line.starts_with('}');
            goes_on || starts.iter().any(|start| line.starts_with(start))
        };
        let lines = code.lines().map(str::trim).enumerate();
        let mut logic = lines.filter(|(_, line)| !listed(line));
        if let Some((first, line)) = logic.next() {
            let more = logic.count();
            wrong.push(format!(
                "{}:{}: {line:?} and {more} more lines are logic; give them a file with a name",
                source.name,
                first + 1
            ));
        }
    }
    fail(&wrong);
}

#[test]
fn nothing_is_left_undone() {
    // Spelt apart, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("unimpl", "emented!"),
        concat!("to", "do!("),
    ];
    let endings = [
        ".rs", ".md", ".toml", ".yaml", ".yml", ".json", ".py", ".service", ".socket", "Makefile",
        "run",
    ];
    let folders = ["src", "tests", "benches", "loadtest", "docs", "configs", "systemd", ".ci"];
    let mut wrong = Vec::new();
    for source in folders.iter().flat_map(|folder| files(folder, &endings)) {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                wrong.push(format!("{}:{}: {mark}: do it or drop it", source.name, number + 1));
            }
            if line.contains('\t') && !source.name.ends_with("Makefile") {
                wrong.push(format!("{}:{}: a tab; use spaces", source.name, number + 1));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn metrics_are_named_in_their_table_alone() {
    let mut wrong = Vec::new();
    for source in production().iter().filter(|s| s.name != "src/telemetry/metrics.rs") {
        for (number, line) in source.text.lines().enumerate() {
            if line.contains("\"geofenced_") {
                let at = format!("{}:{}", source.name, number + 1);
                wrong.push(format!("{at}: use the constant of telemetry/metrics.rs"));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn the_scanner_opens_use_trees_and_leaves_comments_out() {
    let code = "//! crate::not::this\nuse crate::{a::b, c::{self, d}};\n\
                let x = \"crate::nor::this\"; // crate::nor\nsuper::super::e::f();\npub(crate) fn g() {}\n";
    let source = Source::new("src/part/file.rs", code);
    let found: Vec<_> = foreign(&source, "part").iter().map(|n| n.path[1..].join("::")).collect();
    assert_eq!(found, ["a::b", "c::self", "c::d", "e::f"]);
    let inside = Source::new("src/part/mod.rs", "use super::clock::Clock;\nuse self::x::y;");
    assert_eq!(foreign(&inside, "part")[0].path, ["crate", "clock", "Clock"]);
}

#[test]
fn the_scanner_knows_literals_lifetimes_and_tests() {
    let code = "fn f<'a>(x: &'a str) -> char { '\"' }\nlet y = r#\"std::fs\"#; /* std::net */ std::thread::spawn";
    let source = Source::new("src/engine/x.rs", code);
    let paths: Vec<_> = source.paths().iter().map(|n| n.path.join("::")).collect();
    assert!(paths.contains(&"std::thread::spawn".to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|p| p.starts_with("std::fs") || p.starts_with("std::net")));
    let list = Source::new("src/x/mod.rs", "pub mod a;\n#[cfg(test)]\nmod a_tests;\nmod b;\n");
    let expected = [("a".to_owned(), false), ("a_tests".to_owned(), true), ("b".to_owned(), false)];
    assert_eq!(list.modules(), expected);
    for (name, empty) in
        [("Event", true), ("CloudEvent", false), ("sync_data", false), ("Data", true)]
    {
        assert_eq!(empty_word(name).is_some(), empty, "{name}");
    }
    assert_eq!(words("HTTPRouteHelper_util2"), ["httproute", "helper", "util2"]);
    assert!(begins("a::b::c", "a::b") && !begins("a::bc", "a::b"));
}

/// The paths of a file that lead out of its part, `crate` first.
fn foreign(source: &Source, part: &str) -> Vec<Named> {
    let paths = source.paths().into_iter();
    let outside = paths.filter(|n| n.path.len() > 1 && n.path[0] == "crate" && n.path[1] != part);
    outside.collect()
}

/// Whether a path is `start` or lies inside it.
fn begins(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The top module a file of `src` belongs to.
fn part(source: &Source) -> String {
    let file = source.name.trim_start_matches("src/");
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// The files of `src` that are built into the daemon: without the modules that only tests have.
fn production() -> Vec<Source> {
    let sources = files("src", &[".rs"]);
    let mut tests = BTreeSet::new();
    for source in &sources {
        for (module, _) in source.modules().into_iter().filter(|(_, only_tests)| *only_tests) {
            tests.insert([source.module(), vec![module]].concat());
        }
    }
    let is_test = |source: &Source| {
        let module = source.module();
        (1..=module.len()).any(|length| tests.contains(&module[..length]))
    };
    sources.into_iter().filter(|source| !is_test(source)).collect()
}

fn all_rust() -> Vec<Source> {
    let folders = ["src", "tests", "benches", "loadtest", "fuzz"];
    folders.iter().flat_map(|folder| files(folder, &[".rs"])).collect()
}

/// A name's words in lower case: split at `_` and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        if letter == '_' || (small && letter.is_uppercase()) {
            words.push(String::new());
        }
        small = letter.is_lowercase();
        if letter != '_' {
            words.last_mut().expect("it starts with one").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn text(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap_or_default()
}

fn fail(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
