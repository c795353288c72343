//! LibreOffice opens the files: each cell says what ours does, and none is a formula.

use std::io::Cursor;
use std::path::PathBuf;
use std::process::Command;

use calamine::{Reader as _, Xlsx};
use serde_json::json;

use crate::account::{LONG_REQUESTS, account, campaign, cells, file, many, month, pushes};
use crate::customer::Customer;
use crate::support::Daemon;

/// Names that a spreadsheet would take for formulas, and one that it would take for a number.
const NAMES: [&str; 9] = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "＝1+1",
    "=HYPERLINK(\"http://shop.example\",\"here\")",
    "=cmd|' /C calc'!A0",
    "\"=1+1\"",
    "0012",
];

/// LibreOffice, with settings and files of its own.
struct Office {
    home: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Converts a file; gives where what comes of it is.
    fn converted(&self, (name, bytes): (&str, &[u8]), how: &[&str]) -> PathBuf {
        let (from, to) = (self.home.path().join(name), self.home.path().join("to"));
        std::fs::write(&from, bytes).unwrap();
        let _old = std::fs::remove_dir_all(&to);
        let settings = self.home.path().join("settings");
        let done = Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}", settings.display()))
            .arg("--headless")
            .args(how)
            .arg("--outdir")
            .args([&to, &from])
            .output()
            .expect("soffice is needed: apt-get install libreoffice-calc");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        to
    }

    /// The cells of all sheets of a workbook, one below the other, as LibreOffice shows them, but for formulas.
    fn cells(&self, workbook: &[u8]) -> Vec<Vec<String>> {
        // Commas, quotes, UTF-8, as shown, formulas as formulas, every sheet in a file of its own.
        let csv = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1";
        let to = self.converted(("book.xlsx", workbook), &["--convert-to", csv]);
        let mut all: Vec<Vec<String>> = Vec::new();
        for sheet in sheets(workbook) {
            let sheet = to.join(format!("book-{sheet}.csv"));
            let rows = cells(&std::fs::read(sheet).unwrap());
            let is_header = |row: &Vec<String>| all.first() == Some(row);
            let header = usize::from(rows.first().is_some_and(is_header));
            all.extend(rows.into_iter().skip(header));
        }
        all
    }

    /// The workbook that LibreOffice makes of a CSV, where it is told to take formulas for such.
    fn workbook(&self, csv: &[u8]) -> Vec<u8> {
        let as_csv = "--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,0,true";
        let to = self.converted(("sheet.csv", csv), &[as_csv, "--convert-to", "xlsx"]);
        std::fs::read(to.join("sheet.xlsx")).unwrap()
    }
}

fn book(workbook: &[u8]) -> Xlsx<Cursor<&[u8]>> {
    Xlsx::new(Cursor::new(workbook)).unwrap()
}

fn sheets(workbook: &[u8]) -> Vec<String> {
    book(workbook).sheet_names()
}

/// How many cells of a workbook are formulas.
fn formulas(workbook: &[u8]) -> usize {
    let mut book = book(workbook);
    let of = |name| book.worksheet_formula(name).unwrap().used_cells().count();
    sheets(workbook).iter().map(String::as_str).map(of).sum()
}

/// Both have the same cells; a number may be written otherwise.
fn hold_against(ours: &[Vec<String>], theirs: &[Vec<String>], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: rows");
    for (row, (one, other)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(one.len(), other.len(), "{what}, row {row}: {one:?} and {other:?}");
        for (ours, theirs) in one.iter().zip(other) {
            let number = |text: &str| text.parse::<f64>().ok();
            let is_same = ours == theirs
                || number(ours).zip(number(theirs)).is_some_and(|(a, b)| (a - b).abs() < 0.001);
            assert!(is_same, "{what}, row {row}: {ours:?} and {theirs:?}");
        }
    }
}

/// Holds both formats of a table against each other, by way of LibreOffice.
fn opened(office: &Office, (csv, xlsx): (&[u8], &[u8]), what: &str) {
    let ours = cells(csv);
    assert_eq!(formulas(xlsx), 0, "{what}: formulas in the workbook");
    hold_against(&ours, &office.cells(xlsx), &format!("{what} as XLSX"));
    let theirs = office.workbook(csv);
    assert_eq!(formulas(&theirs), 0, "{what}: formulas in the CSV");
    hold_against(&ours, &office.cells(&theirs), &format!("{what} as CSV"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LibreOffice: make office"]
async fn office_shows_what_we_wrote() {
    let office = Office::new();
    // What is a formula is seen as one.
    assert_eq!(formulas(&office.workbook("a,b\n=1+1,'=1+1\n".as_bytes())), 1);
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    for name in NAMES {
        let campaign = campaign(&customer, name, 6).await;
        let path = |ending| format!("/v1/campaigns/{campaign}/report.{ending}");
        let (csv, xlsx) =
            (file(&customer, &path("csv")).await, file(&customer, &path("xlsx")).await);
        opened(&office, (&csv, &xlsx), name);
    }
    let usage = (file(&customer, "/v1/usage.csv").await, file(&customer, "/v1/usage.xlsx").await);
    opened(&office, (&usage.0, &usage.1), "usage");
}

/// Values of an upload come back in the file of its bad rows; they may begin with blanks that names may not begin with.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LibreOffice: make office"]
async fn office_shows_bad_rows() {
    let office = Office::new();
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let values = NAMES.into_iter().chain(["\t=1+1", "\r=1+1", "\n=1+1", " =1+1"]);
    let mut upload = csv::Writer::from_writer(Vec::new());
    upload.write_record(["구분", "위도", "경도", "반경(m)", "이름"]).unwrap();
    for value in values {
        upload.write_record(["1", value, "127.0", "100", "a"]).unwrap();
    }
    let upload = upload.into_inner().unwrap();
    let import = customer.upload("of=group&name=Bad&file=bad.csv", upload).await;
    // The number is a latitude.
    assert_eq!((&import["good"], &import["bad"]), (&json!(1), &json!(12)), "{import}");
    let path = |format| format!("/v1/imports/{}/bad-rows?format={format}", import["id"]);
    let (csv, xlsx) = (file(&customer, &path("csv")).await, file(&customer, &path("xlsx")).await);
    assert!(cells(&csv).len() > NAMES.len(), "{}", String::from_utf8_lossy(&csv));
    opened(&office, (&csv, &xlsx), "bad rows");
}

/// Usage of many campaigns: with a million rows it takes more than one sheet.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LibreOffice, and a while: make office"]
async fn office_shows_many_rows() {
    let office = Office::new();
    let mut daemon = Daemon::start(&[LONG_REQUESTS]);
    let mut customer = Customer::new(&daemon, "basic").await;
    let account = account(&customer).await;
    assert!(daemon.sigterm().success());
    let rows = pushes(&daemon, account, many());
    daemon.restart();
    customer.follow(&daemon);
    let path = |ending| format!("/v1/usage.{ending}?month={}", month());
    let (csv, xlsx) = (file(&customer, &path("csv")).await, file(&customer, &path("xlsx")).await);
    let ours = cells(&csv);
    assert_eq!(ours.len() as u64, rows + 2, "a header, its days and the month");
    hold_against(&ours, &office.cells(&xlsx), "many rows");
    eprintln!("{rows} rows on {} sheets: every cell is the same", sheets(&xlsx).len());
}
