//! `/openapi.json` against the real binary: schemathesis makes requests from the description, and each answer has to be
//! one that is described.
//!
//! `make test` installs it, and `make torture` runs it for longer: `GEOFENCED_SCHEMA_EXAMPLES` requests of each operation,
//! at least `GEOFENCED_SCHEMA_REQUESTS` in all. Without it, the test says so and passes.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use geofenced::auth::grant::Scope;
use hyper::Method;
use serde_json::{Value, json};
use support::{ACCOUNT, Daemon};

/// Which rules are for callers to know, and not in the description: that valid requests are accepted is not asked.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
    response_headers_conformance,negative_data_rejection,missing_required_header,unsupported_method,\
    allow_header_conformance,ignored_auth,use_after_free";

/// A run: whose token, which operations.
const RUNS: [(Scope, &[&str]); 3] = [
    (
        Scope::Campaigns,
        // Streams have no end to wait for.
        &[
            "--exclude-path-regex",
            "^/v1/accounts|/stream$",
            "--exclude-operation-id",
            "delete_tokens_name",
        ],
    ),
    // The last of the account's: it may revoke its own token.
    (Scope::Campaigns, &["--include-operation-id", "delete_tokens_name"]),
    (Scope::Admin, &["--include-path-regex", "^/v1/accounts"]),
];

/// The program beside the interpreter of the tests, if it is there.
fn schemathesis() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("GEOFENCED_PYTHON");
    let python =
        python.map_or_else(|| root.join("target/venv/bin/python"), |named| root.join(named));
    let program = python.with_file_name("schemathesis");
    if program.exists() {
        return Some(program);
    }
    eprintln!("skipped: there is no {}; run `make python`", program.display());
    None
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// An account that may ask as often as it likes.
async fn make_account(daemon: &Daemon) {
    let limits = json!({"requests_per_min": 1_000_000, "uploads_per_day": 100_000});
    let account = json!({"name": "Premium", "membership": "premium", "limits": limits});
    let mut operator = daemon.http_client(Scope::Admin).await;
    let made = operator.send(Method::POST, "/v1/accounts", account.to_string().into()).await;
    let made: Value = serde_json::from_slice(&made.unwrap().success().unwrap()).unwrap();
    assert_eq!(made["id"], ACCOUNT.0, "the tokens are for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_they_are_described() {
    let Some(program) = schemathesis() else { return };
    let daemon = Daemon::start(&[]);
    make_account(&daemon).await;
    let home = tempfile::tempdir().unwrap();
    let report = home.path().join("report.json");
    let examples = number("GEOFENCED_SCHEMA_EXAMPLES", 3);
    let phases = if examples > 10 { "coverage,fuzzing,stateful" } else { "fuzzing" };
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let mut requests = 0;
    for (scope, operations) in RUNS {
        let output = Command::new(&program)
            .arg("--config-file")
            .arg(&config)
            .args(["run", &format!("http://{}/openapi.json", daemon.http)])
            .args(["--header", &format!("Authorization: Bearer {}", daemon.token(scope))])
            .args(["--checks", CHECKS, "--phases", phases, "--seed", "1", "--no-color"])
            .args(["--max-examples", &examples.to_string(), "--continue-on-failure"])
            .args(["--generation-database", "none", "--warnings", "off", "--request-timeout", "60"])
            .args(["--report", "json", "--report-json-path"])
            .arg(&report)
            .args(operations)
            .current_dir(home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        requests += told["test_cases"]["generated"].as_u64().unwrap();
    }
    println!("{requests} requests");
    assert!(requests >= number("GEOFENCED_SCHEMA_REQUESTS", 100), "{requests} requests alone");
    // A fault would be in the log, whatever was answered.
    let log = daemon.log();
    assert!(!log.contains("panicked") && !log.contains("broke off"), "{log}");
}
