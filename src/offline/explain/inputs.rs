//! What gates look at, in words.

use super::answer::{GateInput, GateTold};
use super::local::Local;
use crate::domain::campaign::{Frequency, RunMode};
use crate::domain::decision::Bucket;
use crate::domain::units::UtcMs;
use crate::engine::trace::{GateLook, Value};
use crate::snapshot::calendar::day_of;

/// A gate with its inputs as the answer has them.
pub(super) fn gate_told(gate: &GateLook, local: &Local) -> GateTold {
    let input =
        |(name, value): &(&'static str, Value)| GateInput { name, value: shown(value, local) };
    GateTold {
        gate: gate.gate.label(),
        passed: gate.passed,
        inputs: gate.inputs.iter().map(input).collect(),
    }
}

/// What the gate saw under a name.
pub(super) fn input<'g>(gate: &'g GateLook, name: &str) -> Option<&'g Value> {
    gate.inputs.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The same in words; nothing where it saw none.
pub(super) fn said(gate: &GateLook, name: &str, local: &Local) -> String {
    input(gate, name).map_or_else(String::new, |value| shown(value, local))
}

fn shown(value: &Value, local: &Local) -> String {
    match value {
        Value::Flag(is_so) => flag(*is_so),
        Value::Number(number) => number.to_string(),
        Value::Numbers(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            numbers.join(", ")
        }
        Value::Metres(metres) if metres.is_infinite() => "everywhere".to_owned(),
        Value::Metres(metres) => format!("{metres:.0} m"),
        Value::Seconds(seconds) => format!("{seconds} s"),
        Value::At(at) => local.exact(*at),
        Value::Bucket(bucket, frequency) => span_told(*bucket, *frequency, local),
        Value::Word(word) => (*word).to_owned(),
    }
}

/// yes or no.
pub(super) fn flag(is_so: bool) -> String {
    (if is_so { "yes" } else { "no" }).to_owned()
}

/// The span that a bucket is of.
pub(super) fn span_told(bucket: Bucket, frequency: Frequency, local: &Local) -> String {
    let Bucket { mode, span } = bucket;
    let day =
        || i32::try_from(span).map_or_else(|_| span.to_string(), |day| day_of(day).to_string());
    match (mode, frequency) {
        (RunMode::Testing, _) => "a stay, in testing".to_owned(),
        (RunMode::Running, Frequency::OncePerPeriod) => format!("the period from {}", day()),
        (RunMode::Running, Frequency::OncePerDay) => format!("the day {}", day()),
        (RunMode::Running, Frequency::Resend { after_s }) => {
            format!("{after_s} s from {}", local.exact(UtcMs(span)))
        }
    }
}
