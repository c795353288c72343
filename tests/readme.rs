//! The README's paste works as it stands: bash runs it against this build, and the push job for the advertising id
//! comes out of the queue, with why. The Korean page has the same paste.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use serde_json::Value;

/// Some advertising id, other than the paste's own.
const MY_ID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// The paste: the one block that is marked as bash.
fn paste(page: &str) -> &str {
    let mut blocks = page.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.next().unwrap();
    assert!(blocks.next().is_none(), "one paste a page");
    block
}

#[test]
fn the_paste_gives_a_push_to_yourself() {
    let paste = paste(include_str!("../README.md"));
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args(["-eu", "-c", paste])
        .env("GEOFENCED", env!("CARGO_BIN_EXE_geofenced"))
        .env("MY_ID", MY_ID)
        .env("QUIC", udp.to_string())
        .env("HTTP", tcp.to_string())
        .env("TMPDIR", home.path())
        // Test machines have small disks.
        .env("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        said.lines().rev().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "a job, and why it was made: {said}");
    let (why, job) = (&lines[0], &lines[1]);
    assert_eq!(job["type"], "geofenced.push_job.v1");
    assert_eq!(job["data"]["device_id"], MY_ID);
    assert_eq!(job["data"]["mode"], "testing");
    assert_eq!(job["data"]["message"]["body"], "You are at City Hall");
    assert_eq!(why["outcome"], "pushed");
    let (because, id) = (why["because"].as_str().unwrap(), job["data"]["job_id"].as_str().unwrap());
    assert!(because.starts_with("Pushed as a test at ") && because.contains(id), "{because}");
}

#[test]
fn both_pages_have_the_same_paste() {
    assert_eq!(paste(include_str!("../README.md")), paste(include_str!("../README.ko.md")));
}
