//! What messages may say of the targets of a page: each text and each district stands once, and a target's row has
//! their numbers.
//!
//! A build writes the table target by target ([`Labelling`]), in the order of their ids, so that the same targets give
//! the same bytes. A page has 8,192 targets, so two bytes number all that they may say.

use std::collections::HashMap;

use rkyv::rend::unaligned::u16_ule;
use rkyv::{Archive, Serialize};

use super::verify::{Checked, every, holds};
use crate::domain::target::Labels;

/// The texts of a page's labels.
#[derive(Archive, Serialize, Clone, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct LabelTable {
    /// One after another, in the order in which targets first have them; none is empty.
    pub text: String,
    /// Where each ends. They are numbered from 1; 0 is no text.
    pub ends: Vec<u32>,
    /// Districts by the numbers of their state, city and street. They are numbered likewise.
    pub districts: Vec<[u16; 3]>,
}

/// The labels of a target, by their numbers.
#[derive(Archive, Serialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[rkyv(derive(Debug))]
pub struct LabelRow {
    /// The text of its brand.
    pub brand: u16,
    /// Its district.
    pub district: u16,
    /// Whether it is a district or a trade area itself.
    pub is_region: bool,
}

/// Writes the table of a page.
#[derive(Debug, Default)]
pub(super) struct Labelling<'a> {
    table: LabelTable,
    texts: HashMap<&'a str, u16>,
    districts: HashMap<[u16; 3], u16>,
}

impl<'a> Labelling<'a> {
    /// The row of a target; what is new in it comes into the table.
    pub(super) fn row(&mut self, labels: Labels<&'a str>) -> LabelRow {
        let brand = self.text(labels.brand);
        let district = labels.districts.map(|text| self.text(text));
        LabelRow { brand, district: self.district(district), is_region: labels.is_region }
    }

    pub(super) fn table(self) -> LabelTable {
        self.table
    }

    fn text(&mut self, text: &'a str) -> u16 {
        if text.is_empty() {
            return 0;
        }
        let LabelTable { text: all, ends, .. } = &mut self.table;
        *self.texts.entry(text).or_insert_with(|| {
            all.push_str(text);
            ends.push(u32::try_from(all.len()).unwrap_or(u32::MAX));
            number(ends.len())
        })
    }

    fn district(&mut self, district: [u16; 3]) -> u16 {
        if district == [0; 3] {
            return 0;
        }
        let all = &mut self.table.districts;
        *self.districts.entry(district).or_insert_with(|| {
            all.push(district);
            number(all.len())
        })
    }
}

/// Four texts a target are at most 32,768 a page.
fn number(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

impl ArchivedLabelTable {
    /// What the row stands for; a number that there is not is an empty text.
    #[must_use]
    pub fn labels(&self, row: &ArchivedLabelRow) -> Labels<&str> {
        let district = entry(&self.districts, row.district);
        let district = district.map_or([""; 3], |texts| texts.map(|text| self.text(text)));
        Labels { brand: self.text(row.brand), districts: district, is_region: row.is_region }
    }

    fn text(&self, number: u16_ule) -> &str {
        let Some(end) = entry(&self.ends, number) else { return "" };
        let before = entry(&self.ends, u16_ule::from_native(number.to_native() - 1));
        let start = before.map_or(0, |start| start.to_native());
        self.text.get(start as usize..end.to_native() as usize).unwrap_or_default()
    }

    /// Checks that the texts are cut where characters end, and that districts have texts.
    ///
    /// # Errors
    /// The first of both that is not so.
    pub(super) fn verify(&self) -> Checked {
        let ends = || self.ends.iter().map(|end| end.to_native());
        let cut = ends().is_sorted_by(|one, next| one < next)
            && ends().next().is_none_or(|first| first > 0)
            && ends().next_back().unwrap_or(0) as usize == self.text.len();
        holds(cut, "labels.ends", 0, "ends must ascend to that of the text")?;
        every("labels.ends", ends(), "a text must end where a character does", |end| {
            self.text.is_char_boundary(*end as usize)
        })?;
        let texts = self.districts.iter().flatten();
        every("labels.districts", texts, "it must be the number of a text", |number| {
            usize::from(number.to_native()) <= self.ends.len()
        })
    }

    /// Whether what the row names is there.
    pub(super) fn knows(&self, row: &ArchivedLabelRow) -> bool {
        usize::from(row.brand.to_native()) <= self.ends.len()
            && usize::from(row.district.to_native()) <= self.districts.len()
    }
}

/// The entry of a number that counts from 1.
fn entry<T: Copy>(entries: &[T], number: u16_ule) -> Option<T> {
    entries.get(usize::from(number.to_native()).checked_sub(1)?).copied()
}
