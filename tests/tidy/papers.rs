//! What the papers have to say: the promises, the table of imports, and that each paper is there.

use super::scan::files;
use super::{IMPORTS, fail, text};

/// The promises, word for word.
const PROMISES: &[&str] = &[
    "An acknowledged ping is never lost: when the ack leaves, the ping is on stable storage, and whatever it causes will come out exactly as if nothing had crashed.",
    "At most one push job per device, campaign and frequency bucket, across crashes, resends and restarts. The job's id is derived from that key, so a consumer can drop a repeat.",
    "One ping is evaluated against exactly one snapshot. Every job and event carries that snapshot's epoch and content hash.",
    "Containment is exact. The index only ever saves work; it never changes the answer. Adjacent polygons tile: a point on a shared edge is in exactly one.",
    "The engine is a deterministic state machine: the same journalled input of a partition gives the same output, byte for byte, whatever the shard count, batch size, processor or crash in between.",
    "received = evaluated + rejected(reason) + in flight; triggers = jobs + suppressed(reason, held out included) + open. Both identities hold live, in the metrics.",
    "Memory, queues, connections and frames have stated limits, set at start. Past a limit the work is refused with a reason, never dropped silently.",
    "Hostile bytes (frames, uploads, snapshots, tokens) get a clear error. They never crash the daemon or reach another account's data.",
];

#[test]
fn the_readme_makes_the_promises_word_for_word() {
    let readme = text("README.md");
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let numbered = PROMISES.iter().enumerate().map(|(n, promise)| (n + 1, *promise));
    let wrong = numbered.filter(|(n, promise)| !readme.contains(&format!("**P{n}** {promise}")));
    fail(&wrong.map(|(n, _)| format!("README.md: P{n} is not in its words")).collect::<Vec<_>>());
}

/// `docs/architecture.md` shows the table that is enforced here.
#[test]
fn the_architecture_shows_the_same_imports() {
    let page = text("docs/architecture.md");
    let (_, table) = page.split_once("## Who may import whom").unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    });
    let shown: Vec<(&str, &str)> = rows
        .flat_map(|(parts, may)| parts.split(", ").map(move |part| (part, may)))
        .filter(|(part, _)| IMPORTS.iter().any(|(known, _)| known == part))
        .collect();
    let mut wrong = Vec::new();
    for (part, allowed) in IMPORTS {
        let expected = if allowed.is_empty() { "nothing".into() } else { allowed.join(", ") };
        let told: Vec<&str> = shown.iter().filter(|row| row.0 == *part).map(|row| row.1).collect();
        if told != [expected.as_str()] {
            wrong.push(format!("docs/architecture.md: {part} may name {expected}, not {told:?}"));
        }
    }
    fail(&wrong);
}

#[test]
fn the_papers_are_there() {
    let papers = [
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        ".ci/run",
        "docs/architecture.md",
        "docs/operations.md",
        "docs/benchmarks.md",
        "docs/hostile-input.md",
        "docs/glossary.md",
        "docs/protocol.md",
        "docs/campaigns.md",
        "docs/asyncapi.yaml",
        "docs/decisions/README.md",
        "README.ko.md",
        "configs/geofenced.toml",
        "configs/prometheus/prometheus.yml",
        "configs/prometheus/alerts.yml",
        "configs/grafana/geofenced.json",
        "systemd/geofenced.service",
        "Dockerfile",
    ];
    let missing = papers.iter().filter(|paper| text(paper).trim().is_empty());
    fail(&missing.map(|paper| format!("{paper} is missing or empty")).collect::<Vec<_>>());
}

#[test]
fn every_decision_is_listed() {
    let list = text("docs/decisions/README.md");
    let decisions = files("docs/decisions", &[".md"]);
    assert!(decisions.len() > 10, "they are found");
    let names = decisions.iter().filter_map(|decision| decision.name.rsplit('/').next());
    let unlisted =
        names.filter(|name| *name != "README.md" && !list.contains(&format!("({name})")));
    fail(
        &unlisted.map(|name| format!("docs/decisions/README.md lacks {name}")).collect::<Vec<_>>(),
    );
}
