//! Sockets that somebody else has opened, as systemd passes them, on the real binary: they are used in place of the
//! config's addresses, outlive the daemon, and are refused with a reason when they are not what their names say.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use jiff::civil::date;
use tokio::time::timeout;

use support::{Daemon, Launch, PATIENCE};

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}], "campaigns": []}"#;

/// Two sockets, held open as systemd holds its own, whether or not a daemon runs.
struct Held {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Held {
    fn open() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (udp, tcp) = (UdpSocket::bind(any), TcpListener::bind(any));
        Self { udp: udp.expect("a port"), tcp: tcp.expect("a port") }
    }

    fn passed(&self, count: u32, names: &'static str) -> Launch {
        let (udp, tcp) = (self.udp.try_clone(), self.tcp.try_clone());
        pass([udp.expect("a descriptor").into(), tcp.expect("a descriptor").into()], count, names)
    }
}

/// Starts the daemon with the first `count` of the sockets at 3 and 4, where passed ones lie: in a shell that gets them as
/// its standard input and error, moves them there and becomes the daemon.
fn pass(sockets: [OwnedFd; 2], count: u32, names: &'static str) -> Launch {
    const SCRIPT: &str = r#"exec 3<&0 4<&2 </dev/null 2>>"$1"
        export LISTEN_PID=$$ LISTEN_FDS="$2" LISTEN_FDNAMES="$3"
        exec "$0" serve"#;
    Box::new(move |log| {
        let [first, second] = sockets.each_ref().map(|one| one.try_clone().expect("a descriptor"));
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, env!("CARGO_BIN_EXE_geofenced")]).arg(log);
        command.arg(count.to_string()).arg(names);
        command.stdin(Stdio::from(first)).stderr(Stdio::from(second));
        command
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passed_sockets_take_the_place_of_the_addresses_and_outlive_the_daemon() {
    let held = Held::open();
    let mut daemon =
        Daemon::start_by(held.passed(2, "quic:http"), &[QUIET_RESERVE]).expect("starts");
    assert_eq!(daemon.quic, held.udp.local_addr().expect("bound"));
    assert_eq!(daemon.http, held.tcp.local_addr().expect("bound"));
    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    ping(&daemon).await;
    assert!(daemon.sigterm().success());

    // Nobody is there, and who asks now is answered by the next one.
    let mut waiting = TcpStream::connect(daemon.http).expect("the socket is still open");
    waiting
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .expect("sent");
    daemon.restart();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    ping(&daemon).await;
    for key in ["ingest.listen", "admin.listen"] {
        daemon.log_says(&format!("a passed socket takes the place of {key}")).await;
    }
}

#[test]
fn one_socket_may_be_passed_and_the_other_bound() {
    let held = Held::open();
    let mut daemon = Daemon::start_by(held.passed(1, "quic"), &[QUIET_RESERVE]).expect("starts");
    assert_eq!(daemon.quic, held.udp.local_addr().expect("bound"));
    assert_ne!(daemon.http, held.tcp.local_addr().expect("bound"));
    assert!(daemon.sigterm().success());
}

#[test]
fn a_socket_that_is_not_what_its_name_says_is_refused_with_what_to_write() {
    let held = Held::open();
    for (names, says) in [
        ("http:quic", r#"named "http" that was passed is no listening TCP socket"#),
        ("http:quic", "its unit needs ListenStream="),
        ("quic:quic", r#"named "quic" that was passed is no UDP socket"#),
        ("quic:queue", r#"a socket named "queue" was passed"#),
        ("quic", "2 sockets were passed with 1 names in LISTEN_FDNAMES"),
        ("", "each socket unit needs FileDescriptorName=quic or FileDescriptorName=http"),
    ] {
        let refused = Daemon::start_by(held.passed(2, names), &[QUIET_RESERVE]).err();
        let said = refused.unwrap_or_else(|| panic!("{names} was taken"));
        assert!(said.contains(says), "{names}: {said}");
    }
    // A connection is a stream as well, but nobody can connect to it.
    let connected = TcpStream::connect(held.tcp.local_addr().expect("bound")).expect("connects");
    let udp = held.udp.try_clone().expect("a descriptor");
    let launch = pass([udp.into(), connected.into()], 2, "quic:http");
    let said = Daemon::start_by(launch, &[QUIET_RESERVE]).err().expect("refused");
    assert!(said.contains("it does not listen"), "{said}");
}

/// Test machines have small disks.
const QUIET_RESERVE: (&str, &str) = ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0");

/// One ping over QUIC, acknowledged.
async fn ping(daemon: &Daemon) {
    let client = daemon.client().await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_| {});
    let ping = Ping {
        device: DeviceId([7; 16]),
        lat_e7: 375_663_000,
        lon_e7: 1_269_780_000,
        fixed_at: UtcMs(1_767_355_200_000 + 10 * 86_400_000),
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    let seq = stream.pings(AppId(1), &[ping]).await.expect("sent");
    timeout(PATIENCE, stream.acked(seq)).await.expect("not for ever").expect("acknowledged");
}
