//! The geocoding service, asked over HTTP by whoever reads files.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;

use crate::control::uploads::geocoder::{Geocoder, GeocoderConfig, PLACE_OF_ADDRESS};
use crate::sink::http_client::{HttpClient, HttpError};

/// The service of the config, if it names one. To be asked by a thread that may wait.
pub(super) fn geocoder(config: &GeocoderConfig, runtime: &Handle) -> Option<Geocoder> {
    let (host, path) = config.parts()?;
    let (host, path) = (host.to_owned(), path.to_owned());
    let timeout = Duration::from_secs(config.timeout_s.into());
    let runtime = runtime.clone();
    let ask = move |address: &str| {
        let path = path.replace(PLACE_OF_ADDRESS, &encoded(address));
        // Within the runtime, for its clock is the runtime's.
        let asked =
            runtime.block_on(async { tokio::time::timeout(timeout, answer(&host, &path)).await });
        let told = asked.map_err(|_late| format!("no answer within {} s", timeout.as_secs()))?;
        place_in(&told.map_err(|error| error.to_string())?)
    };
    Some(Arc::new(ask))
}

async fn answer(host: &str, path: &str) -> Result<Vec<u8>, HttpError> {
    let mut client = HttpClient::connect(host, None).await?;
    Ok(client.get(path).await?.success()?.to_vec())
}

/// The first place of an answer.
fn place_in(answer: &[u8]) -> Result<Option<(f64, f64)>, String> {
    let told: Value =
        serde_json::from_slice(answer).map_err(|error| format!("no JSON: {error}"))?;
    let places = told.as_array().ok_or("no list of places")?;
    let Some(first) = places.first() else { return Ok(None) };
    let degrees = |name: &str| {
        let told = &first[name];
        told.as_f64().or_else(|| told.as_str()?.parse().ok())
    };
    let point = degrees("lat").zip(degrees("lon"));
    point.map(Some).ok_or_else(|| "a place without lat and lon in degrees".to_owned())
}

/// As a URL has it: all but unreserved characters as `%` and two digits.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}
