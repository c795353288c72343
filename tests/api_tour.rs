//! The tour of docs/api.md works as it stands: bash runs its blocks in order against this build.

mod support;

use std::process::Command;

use geofenced::auth::grant::Scope;
use support::Daemon;

#[test]
fn the_tour_can_be_taken() {
    if Command::new("jq").arg("--version").output().is_err() {
        eprintln!("there is no jq: the tour was not taken");
        return;
    }
    let daemon = Daemon::start(&[]);
    let page = include_str!("../docs/api.md");
    let blocks = page.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let script: String = blocks.collect();
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(home.path())
        .env("HTTP", daemon.http.to_string())
        .env("OPERATOR", daemon.token(Scope::Admin))
        // The account that the tour makes is the first, which the tokens of the test are for.
        .env("CAMPAIGNS", daemon.token(Scope::Campaigns))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
