//! Filling the codes of a message: `${store}` becomes the store's name.

/// What each code stands for; an empty text is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Codes<'a> {
    /// `${brand}`
    pub brand: &'a str,
    /// `${store}`
    pub store: &'a str,
    /// `${geofence}`
    pub geofence: &'a str,
    /// `${district_state}`
    pub district_state: &'a str,
    /// `${district_city}`
    pub district_city: &'a str,
    /// `${district_street}`
    pub district_street: &'a str,
}

/// What a code becomes when nothing is known: "at your current location".
pub const UNKNOWN_HERE: &str = "현재위치에서";

impl<'a> Codes<'a> {
    fn value(self, code: &str) -> Option<&'a str> {
        let known = match code {
            "brand" => self.brand,
            "store" => self.store,
            "geofence" => self.geofence,
            "district_state" => self.district_state,
            "district_city" => self.district_city,
            "district_street" => self.district_street,
            _ => return None,
        };
        Some(if known.is_empty() { UNKNOWN_HERE } else { known })
    }
}

/// A template with its codes filled in, cut at [`MAX_TEXT_BYTES`]. What is no code stays as it was written, and a
/// name that happens to contain a code is not filled again.
#[must_use]
pub fn render(template: &str, codes: Codes<'_>) -> String {
    let mut rendered = fill(template, codes);
    // From the text's own end where that comes first: most texts are short, and each job has two.
    let limit = rendered.len().min(MAX_TEXT_BYTES);
    let end = (0..=limit).rev().find(|&at| rendered.is_char_boundary(at));
    rendered.truncate(end.unwrap_or_default());
    rendered
}

/// No text of a message gets longer: codes stand for names, which may be long, and may stand often. Push services
/// take 4 KiB for a whole message.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;

/// Goes on past the limit by one name at most.
fn fill(template: &str, codes: Codes<'_>) -> String {
    let mut rendered = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("${").filter(|_| rendered.len() < MAX_TEXT_BYTES) {
        let (before, from_code) = rest.split_at(start);
        rendered.push_str(before);
        let inside = &from_code[2..];
        let value = inside.find('}').and_then(|end| Some((end, codes.value(&inside[..end])?)));
        if let Some((end, value)) = value {
            rendered.push_str(value);
            rest = &inside[end + 1..];
        } else {
            rendered.push_str("${");
            rest = inside;
        }
    }
    rendered.push_str(rest);
    rendered
}
