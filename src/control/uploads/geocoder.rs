//! Who says where an address is that no table has.

use std::sync::Arc;

use crate::domain::knobs::BadKnobs;

/// Asks a service for an address: latitude and longitude, degrees; `None` where it knows none; or why it can't be asked.
pub type Geocoder = Arc<dyn Fn(&str) -> Result<Option<(f64, f64)>, String> + Send + Sync>;

/// What stands in the URL where the address goes.
pub const PLACE_OF_ADDRESS: &str = "{address}";

/// A service that is asked for addresses which the account's table does not have.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeocoderConfig {
    /// Where it is asked, `http://HOST:PORT/PATH?QUERY`, with `{address}` where the address goes; empty for none. It has to
    /// answer as Nominatim's `search` does with `format=jsonv2`: a list of places, each with `lat` and `lon`, the best first.
    pub url: String,
    /// How long an answer is waited for, s. Default 5; 1 to 60. In the worst case a file with rows by address waits this long for each
    /// of them, and other files behind it.
    pub timeout_s: u16,
}

impl Default for GeocoderConfig {
    fn default() -> Self {
        Self { url: String::new(), timeout_s: 5 }
    }
}

impl GeocoderConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        let is_sound =
            self.url.is_empty() || (self.parts().is_some() && self.url.contains(PLACE_OF_ADDRESS));
        let allowed = "http://HOST:PORT/PATH with {address} in it, or empty for none";
        bad.unless(is_sound, "url", &self.url, allowed);
        bad.within("timeout_s", self.timeout_s, (1, 60), "s");
        bad
    }

    /// Host and port, and what follows them.
    #[must_use]
    pub fn parts(&self) -> Option<(&str, &str)> {
        let rest = self.url.strip_prefix("http://")?;
        let at = rest.find('/')?;
        let (host, path) = rest.split_at(at);
        let port = host.rsplit_once(':')?.1;
        port.parse::<u16>().is_ok().then_some((host, path))
    }
}
