//! The answer for a terminal: the sentence first, then a paragraph for each moment, the newest first.

use std::fmt::Write as _;

use super::answer::{BucketState, Explanation, GateTold, MomentTold, Nearest, Position};

/// The page.
#[must_use]
pub fn page(told: &Explanation) -> String {
    let mut page = format!("{}\n\n", told.because);
    let campaign = &told.campaign;
    let state = campaign.state.as_deref().unwrap_or("unknown");
    let in_force = if campaign.in_force { "in force" } else { "not in force" };
    let name = campaign.name.as_deref().unwrap_or_default();
    let since = told.records_since.as_deref().unwrap_or("none yet");
    let rows = [
        ("device", told.device.clone()),
        ("campaign", format!("{} {name}, {state}, {in_force}", campaign.id)),
        ("records since", since.to_owned()),
        ("frequency", told.bucket.as_ref().map_or_else(|| "unknown".to_owned(), bucket)),
    ];
    for (field, value) in rows {
        line(&mut page, format_args!("{field:<14}{value}"));
    }
    for moment in &told.moments {
        paragraph(&mut page, moment);
    }
    page
}

fn bucket(bucket: &BucketState) -> String {
    let BucketState { frequency, span, used, used_by } = bucket;
    let used = if *used { "used" } else { "free" };
    let by: String =
        used_by.iter().map(|one| format!("; job {} of {}", one.job, one.span)).collect();
    format!("{frequency}, {span}: {used}{by}")
}

fn paragraph(page: &mut String, moment: &MomentTold) {
    let MomentTold { at, basis, outcome, because, .. } = moment;
    line(page, format_args!("\n{at}  {basis}  {}", outcome.label()));
    line(page, format_args!("  {because}"));
    if let Some(Position { lat, lon, accuracy_m }) = moment.position {
        let (app, epoch) = (moment.app, moment.epoch);
        let place =
            format_args!("  {lat:.7} {lon:.7} ± {accuracy_m} m, app {app}, snapshot {epoch}");
        line(page, place);
    }
    if let Some(nearest) = &moment.nearest {
        line(page, format_args!("  nearest: {}", border(nearest)));
    }
    let asked = if moment.tried { "passed" } else { "would pass" };
    let stops = if moment.tried { "stopped" } else { "would stop" };
    for GateTold { gate, passed, inputs } in &moment.gates {
        let verdict = if *passed { asked } else { stops };
        let inputs: Vec<String> =
            inputs.iter().map(|input| format!("{} {}", input.name, input.value)).collect();
        line(page, format_args!("  {gate:<12} {verdict:<10}  {}", inputs.join("; ")));
    }
}

fn border(nearest: &Nearest) -> String {
    let side = if nearest.inside { "inside" } else { "outside" };
    let called = nearest.target.called();
    match nearest.distance_m {
        Some(distance_m) => format!("{called}, {side}, {distance_m:.2} m from its border"),
        None => format!("{called}, {side}"),
    }
}

/// Writing to a text cannot fail.
fn line(page: &mut String, line: std::fmt::Arguments<'_>) {
    let _written = writeln!(page, "{line}");
}
