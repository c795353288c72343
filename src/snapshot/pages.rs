//! Blocks that hold rows by id, cut into pages of neighbouring ids, so that an edit rewrites one page.

use std::sync::Arc;

use rkyv::Portable;

use super::block::{Content, ContentError, Verified};

/// Ids whose upper bits are equal lie in one page: 8,192 of them.
pub const PAGE_BITS: u32 = 13;

/// The page that an id lies in.
#[must_use]
pub const fn page_of(id: u32) -> u32 {
    id >> PAGE_BITS
}

/// Rows in ascending order of id, page by page.
pub fn paged<R>(rows: &[R], id: impl Fn(&R) -> u32) -> impl Iterator<Item = &[R]> {
    rows.chunk_by(move |one, next| page_of(id(one)) == page_of(id(next)))
}

/// The rows of one page, of which there is at least one.
pub trait Page: Content {
    /// Its first id and its last.
    fn ends(archived: &Self::Archived) -> Option<(u32, u32)>;

    /// The row of an id, searched for among those of the page.
    fn find(archived: &Self::Archived, id: u32) -> Option<usize>;
}

/// All pages of one kind, in ascending order of id.
#[derive(Debug)]
pub struct Pages<T> {
    blocks: Vec<Arc<Verified<T>>>,
    /// Which page each of `blocks` is.
    numbers: Vec<u32>,
    /// The ids of each.
    spans: Vec<Span>,
}

impl<T> Clone for Pages<T> {
    fn clone(&self) -> Self {
        let Self { blocks, numbers, spans } = self;
        Self { blocks: blocks.clone(), numbers: numbers.clone(), spans: spans.clone() }
    }
}

/// The ids of a page. Most often none is missing, and then a row is known without a look at the page.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    /// How many there are; 0 where some between the ends are missing.
    dense: u32,
}

impl<T: Page> Pages<T>
where
    T::Archived: Portable,
{
    /// Joins pages.
    ///
    /// # Errors
    /// When one holds ids of two pages or none, or they do not ascend.
    pub fn of(blocks: Vec<Arc<Verified<T>>>) -> Result<Self, ContentError> {
        let mut numbers: Vec<u32> = Vec::with_capacity(blocks.len());
        let mut spans = Vec::with_capacity(blocks.len());
        for (position, block) in blocks.iter().enumerate() {
            let number = T::ends(block.get())
                .filter(|(first, last)| page_of(*first) == page_of(*last))
                .map(|(first, _)| page_of(first))
                .filter(|number| numbers.last().is_none_or(|last| last < number));
            let rule = "it must hold ids of one page, after those of the page before";
            numbers.push(number.ok_or(ContentError { array: "page", position, rule })?);
            spans.extend(T::ends(block.get()).map(|ends| Span::of(ends, T::count(block.get()))));
        }
        Ok(Self { blocks, numbers, spans })
    }

    /// The place among the pages of the one that an id lies in. Where ids are dense it is the page's number.
    #[inline]
    fn place(&self, id: u32) -> Option<usize> {
        let number = page_of(id);
        if self.numbers.get(number as usize) == Some(&number) {
            return Some(number as usize);
        }
        self.numbers.binary_search(&number).ok()
    }

    /// The page at a place.
    #[inline]
    fn at(&self, place: usize) -> Option<&T::Archived> {
        self.blocks.get(place).map(|block| block.get())
    }

    /// The page that an id lies in.
    #[inline]
    #[must_use]
    pub fn page(&self, id: u32) -> Option<&T::Archived> {
        self.at(self.place(id)?)
    }

    /// The same, to be shared.
    #[must_use]
    pub fn block(&self, id: u32) -> Option<&Arc<Verified<T>>> {
        self.blocks.get(self.place(id)?)
    }

    /// The page that an id lies in, and its row there; `None` for an id that has none.
    #[inline]
    #[must_use]
    pub fn row(&self, id: u32) -> Option<(&T::Archived, usize)> {
        let place = self.place(id)?;
        let (page, span) = (self.at(place)?, self.spans.get(place)?);
        let row = if span.dense > 0 {
            let row = id.wrapping_sub(span.first);
            (row < span.dense).then_some(row as usize)?
        } else {
            T::find(page, id)?
        };
        Some((page, row))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T::Archived> {
        self.blocks.iter().map(|block| block.get())
    }

    /// All of them with their numbers, ascending.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Arc<Verified<T>>)> {
        self.numbers.iter().copied().zip(&self.blocks)
    }

    /// All of them, to be shared.
    #[must_use]
    pub fn blocks(&self) -> &[Arc<Verified<T>>] {
        &self.blocks
    }

    /// Their names.
    #[must_use]
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        self.blocks.iter().map(|block| block.hash().0).collect()
    }
}

impl Span {
    /// Of a page with these ends and so many ids, which ascend without repeats.
    fn of((first, last): (u32, u32), count: usize) -> Self {
        let reach = last.wrapping_sub(first).wrapping_add(1);
        Self { first, dense: if reach as usize == count { reach } else { 0 } }
    }
}
