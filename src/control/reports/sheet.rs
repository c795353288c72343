//! Reports as files: CSV as Excel opens it, and XLSX. Names come from people, so they are made inert.

use std::io::{self, Seek, Write};

use super::parts::Brought;
use super::period::PeriodReport;
use super::usage::Usage;
use crate::control::imports::bad_rows::{MARK, inert};
use crate::control::imports::workbook::{self, Value};

/// A table that can be downloaded.
pub struct Sheet {
    name: &'static str,
    header: &'static [&'static str],
    rows: Box<dyn Iterator<Item = Vec<Value>> + Send>,
}

impl Sheet {
    /// Writes CSV: UTF-8 with a byte-order mark, lines that end in CRLF. Gives the number of rows.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn write_csv(self, mut out: impl Write) -> io::Result<u64> {
        out.write_all(MARK)?;
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        csv.write_record(self.header)?;
        let mut rows = 0;
        for row in self.rows {
            rows += 1;
            csv.write_record(row.into_iter().map(|cell| match cell {
                Value::Text(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Rate(rate) => format!("{rate:.2}"),
            }))?;
        }
        csv.flush()?;
        Ok(rows)
    }

    /// Writes XLSX. Gives the number of rows.
    ///
    /// # Errors
    /// Where `out` fails, or the temporary file that rows wait in.
    pub fn write_xlsx(self, out: impl Write + Seek + Send) -> io::Result<u64> {
        let mut rows = 0;
        let counted = self.rows.inspect(|_row| rows += 1);
        workbook::write(out, (self.name, self.header), counted)?;
        Ok(rows)
    }
}

const PERIOD: &[&str] = &[
    "campaign",
    "name",
    "day",
    "variant",
    "reached",
    "jobs",
    "delivered",
    "clicked",
    "dismissed",
    "responded",
    "response_rate_pct",
    "held_out",
];

impl From<PeriodReport> for Sheet {
    /// A row for each day and variant, and the totals last.
    fn from(report: PeriodReport) -> Self {
        let PeriodReport { campaign, name, from, to, total, rows, kept_from: _ } = report;
        let last = (format!("{from} to {to}"), "all", total);
        let rows = rows.into_iter().map(|row| (row.day, row.variant, row.brought));
        let rows = rows.chain(std::iter::once(last)).map(move |(day, variant, brought)| {
            let texts = [inert(name.clone()), day, variant.to_owned()].map(Value::Text);
            let mut cells = vec![Value::Number(campaign.into())];
            cells.extend(texts);
            cells.extend(numbers(&brought));
            cells
        });
        Self { name: "campaign", header: PERIOD, rows: Box::new(rows) }
    }
}

fn numbers(brought: &Brought) -> [Value; 8] {
    let Brought { reached, jobs, delivered, clicked, dismissed, .. } = *brought;
    let rate = brought.response_rate_pct;
    [
        Value::Number(reached),
        Value::Number(jobs),
        Value::Number(delivered),
        Value::Number(clicked),
        Value::Number(dismissed),
        Value::Number(brought.responded),
        rate.map_or_else(|| Value::Text(String::new()), Value::Rate),
        Value::Number(brought.held_out),
    ]
}

const USAGE: &[&str] = &["month", "day", "campaign", "pushes", "overage_krw"];

impl From<Usage> for Sheet {
    /// A row for each day and campaign, and the month last, with what the pushes beyond those included cost.
    fn from(usage: Usage) -> Self {
        let Usage { month, pushes, overage_krw, rows, .. } = usage;
        let of_month = month.clone();
        let days = rows.into_iter().map(move |row| {
            let campaign = Value::Number(row.campaign.into());
            let texts = [of_month.clone(), row.day].map(Value::Text);
            let rest = [campaign, Value::Number(row.pushes), Value::Text(String::new())];
            texts.into_iter().chain(rest).collect()
        });
        let last = vec![
            Value::Text(month),
            Value::Text("all".to_owned()),
            Value::Text("all".to_owned()),
            Value::Number(pushes),
            Value::Number(overage_krw),
        ];
        let rows = Box::new(days.chain(std::iter::once(last)));
        Self { name: "usage", header: USAGE, rows }
    }
}
