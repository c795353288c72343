//! Reports as files: CSV as Excel opens it, and XLSX. Names come from people, so they are made inert.

use std::io::{self, Seek, Write};

use super::parts::Brought;
use super::period::{PeriodRow, PeriodTable};
use super::usage::{UsageTable, overage};
use super::visits::{Lift, VisitReport};
use crate::control::imports::bad_rows::{MARK, inert};
use crate::control::imports::workbook::{self, Value};

/// A table that can be downloaded. Its rows come one by one, and are nowhere together in memory.
pub struct Sheet {
    name: &'static str,
    header: &'static [&'static str],
    rows: Box<dyn Iterator<Item = io::Result<Vec<Value>>> + Send>,
}

impl Sheet {
    /// Writes CSV: UTF-8 with a byte-order mark, lines that end in CRLF. Gives the number of rows.
    ///
    /// # Errors
    /// Where `out` fails, or what rows are read from.
    pub fn write_csv(self, mut out: impl Write) -> io::Result<u64> {
        out.write_all(MARK)?;
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        csv.write_record(self.header)?;
        let mut rows = 0;
        for row in self.rows {
            rows += 1;
            csv.write_record(row?.into_iter().map(|cell| match cell {
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
    /// Where `out` fails, what rows are read from, or the temporary file that they wait in.
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

impl From<PeriodTable> for Sheet {
    /// A row for each day and variant, and the totals last.
    fn from(table: PeriodTable) -> Self {
        let last = table.len();
        let rows = (0..=last).map(move |at| {
            let PeriodRow { day, variant, brought } = if at < last {
                table.row(at)
            } else {
                let day = format!("{} to {}", table.days.0, table.days.1);
                PeriodRow { day, variant: "all", brought: table.total }
            };
            let texts = [inert(table.name.clone()), day, variant.to_owned()].map(Value::Text);
            let mut cells = vec![Value::Number(table.campaign.into())];
            cells.extend(texts);
            cells.extend(numbers(&brought));
            Ok(cells)
        });
        Self { name: "campaign", header: PERIOD, rows: Box::new(rows) }
    }
}

fn numbers(brought: &Brought) -> [Value; 8] {
    let Brought { reached, jobs, delivered, clicked, dismissed, .. } = *brought;
    [
        Value::Number(reached),
        Value::Number(jobs),
        Value::Number(delivered),
        Value::Number(clicked),
        Value::Number(dismissed),
        Value::Number(brought.responded),
        rate(brought.response_rate_pct),
        Value::Number(brought.held_out),
    ]
}

const USAGE: &[&str] = &["month", "day", "campaign", "pushes", "overage_krw"];

impl From<UsageTable> for Sheet {
    /// A row for each campaign and day, and the month last, with what the pushes beyond those included cost.
    fn from(table: UsageTable) -> Self {
        let month = table.month();
        let UsageTable { membership, mut rows, .. } = table;
        let mut pushes = Some(0);
        let cells = std::iter::from_fn(move || {
            let so_far = pushes?;
            Some(match rows.next() {
                Some(row) => row.map_err(io::Error::other).map(|row| {
                    pushes = Some(so_far + row.pushes);
                    let campaign = Value::Number(row.campaign.into());
                    usage_row(&month, (row.day, campaign), row.pushes, nothing())
                }),
                None => {
                    pushes = None;
                    let all = "all".to_owned();
                    let cost = Value::Number(overage(membership, so_far).1);
                    Ok(usage_row(&month, (all.clone(), Value::Text(all)), so_far, cost))
                }
            })
        });
        Self { name: "usage", header: USAGE, rows: Box::new(cells) }
    }
}

const VISITS: &[&str] = &[
    "campaign",
    "name",
    "from",
    "to",
    "regions",
    "brands",
    "stores",
    "extra_days",
    "as_of",
    "after",
    "reached",
    "responded",
    "response_rate_pct",
    "visitors",
    "visits",
    "visit_rate_pct",
    "held_out",
    "held_out_visitors",
    "held_out_visit_rate_pct",
    "lift_points",
    "lift_points_from",
    "lift_points_to",
    "lift_method",
];

impl From<VisitReport> for Sheet {
    /// One row; what there is none of is empty.
    fn from(report: VisitReport) -> Self {
        let numbers = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let lift = report.lift;
        let of_lift = |part: fn(&Lift) -> Value| lift.as_ref().map_or_else(nothing, part);
        let row = vec![
            Value::Number(report.campaign.into()),
            Value::Text(inert(report.name)),
            Value::Text(report.from),
            Value::Text(report.to),
            Value::Text(numbers(&report.regions)),
            Value::Text(numbers(&report.brands)),
            Value::Number(report.places),
            Value::Number(u64::from(report.extra_days)),
            Value::Text(report.as_of),
            Value::Text(report.after.label().to_owned()),
            Value::Number(report.reached),
            Value::Number(report.responded),
            rate(report.response_rate_pct),
            Value::Number(report.visitors),
            Value::Number(report.visits),
            rate(report.visit_rate_pct),
            of_lift(|lift| Value::Number(lift.held_out)),
            of_lift(|lift| Value::Number(lift.visitors)),
            of_lift(|lift| rate(lift.visit_rate_pct)),
            of_lift(|lift| Value::Rate(lift.points)),
            of_lift(|lift| Value::Rate(lift.points_from)),
            of_lift(|lift| Value::Rate(lift.points_to)),
            of_lift(|lift| Value::Text(lift.method.to_owned())),
        ];
        Self { name: "visits", header: VISITS, rows: Box::new(std::iter::once(Ok(row))) }
    }
}

/// A cell of what there is none of.
fn nothing() -> Value {
    Value::Text(String::new())
}

fn rate(rate: Option<f64>) -> Value {
    rate.map_or_else(nothing, Value::Rate)
}

fn usage_row(
    month: &str,
    (day, campaign): (String, Value),
    pushes: u64,
    cost: Value,
) -> Vec<Value> {
    let texts = [month.to_owned(), day].map(Value::Text);
    texts.into_iter().chain([campaign, Value::Number(pushes), cost]).collect()
}
