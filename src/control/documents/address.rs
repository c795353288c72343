//! Addresses whose place is known: by them, rows of files that give no coordinates are put on the map.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, text};
use crate::control::imports::rows::fences::ADDRESS;
use crate::control::shape::check_point;
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// An address, by road or by lot, and where it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// As people write it, 1 to 200 characters; no other address of the account is the same one.
    pub address: String,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
}

impl Document for Address {
    const KIND: Kind = Kind::Address;

    fn name(&self) -> &str {
        &self.address
    }

    fn natural(&self) -> Option<String> {
        Some(plain(&self.address))
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/address", &self.address, ADDRESS, true);
        if faults.is_empty() && plain(&self.address).is_empty() {
            let detail =
                "address has nothing but what stands in brackets; allowed: the address itself";
            faults.push(Fault::new("/address", detail));
        }
        faults.extend(check_point(self.lat, self.lon));
        faults
    }
}

/// How Korean provinces and cities of their rank are written in full, and in short.
const PROVINCES: [(&str, &str); 20] = [
    ("서울특별시", "서울"),
    ("서울시", "서울"),
    ("부산광역시", "부산"),
    ("대구광역시", "대구"),
    ("인천광역시", "인천"),
    ("광주광역시", "광주"),
    ("대전광역시", "대전"),
    ("울산광역시", "울산"),
    ("세종특별자치시", "세종"),
    ("경기도", "경기"),
    ("강원특별자치도", "강원"),
    ("강원도", "강원"),
    ("충청북도", "충북"),
    ("충청남도", "충남"),
    ("전북특별자치도", "전북"),
    ("전라북도", "전북"),
    ("전라남도", "전남"),
    ("경상북도", "경북"),
    ("경상남도", "경남"),
    ("제주특별자치도", "제주"),
];

/// What two ways of writing one address have in common: small letters, single blanks, the short name of the province,
/// nothing in brackets and nothing behind a comma (a quarter, a building, a floor).
#[must_use]
pub fn plain(address: &str) -> String {
    let mut outside = String::with_capacity(address.len());
    let mut depth = 0_u32;
    for letter in address.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !outside.trim().is_empty() => break,
            // One at the beginning has nothing before it.
            ',' => {}
            _ if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    let mut words: Vec<String> = outside.split_whitespace().map(str::to_lowercase).collect();
    if let Some(first) = words.first_mut()
        && let Some((_, short)) = PROVINCES.iter().find(|(long, _)| long == first)
    {
        *first = (*short).to_owned();
    }
    words.join(" ")
}
