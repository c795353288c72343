//! Notices of the account: written in the transaction of what they tell of, read by number, the oldest forgotten.

use super::changes::content;
use super::desk::Desk;
use crate::control::documents::notice::NoticeOf;
use crate::control::documents::{Campaign, Document as _, Notice, Shown};
use crate::control::refusal::Refusal;
use crate::control::store::{By, Cursor, Key, Kind, Order, Query, StoreError};

/// Notices that are forgotten in one transaction; others wait meanwhile.
const FORGOTTEN_AT_ONCE: u32 = 1000;

impl Desk<'_> {
    /// Tells what has happened.
    pub(in crate::control) fn tell(&mut self, notice: &Notice) -> Result<(), StoreError> {
        let of = (self.account_id(), Kind::Notice);
        self.tx.insert(of, content(notice, Notice::FIRST_STATE), self.actor.now)?;
        Ok(())
    }

    /// Tells what has happened to a campaign.
    pub(super) fn tell_of_campaign(
        &mut self,
        of: NoticeOf,
        subject: u32,
        campaign: &Campaign,
    ) -> Result<(), StoreError> {
        // The day is what makes a notice of a near end another one, too.
        let detail = match of {
            NoticeOf::CampaignAboutToEnd => campaign.end.clone(),
            NoticeOf::CampaignCreated
            | NoticeOf::CampaignTesting
            | NoticeOf::CampaignStarted
            | NoticeOf::CampaignEnded
            | NoticeOf::ImportEnded => String::new(),
        };
        self.tell(&Notice { of, subject, name: campaign.name.clone(), detail })
    }

    /// Tells that a campaign's end is near, unless that was told.
    pub(super) fn tell_of_end(&mut self, shown: &Shown<Campaign>) -> Result<(), StoreError> {
        let (subject, campaign) = (shown.id, &shown.document);
        match self.tell_of_campaign(NoticeOf::CampaignAboutToEnd, subject, campaign) {
            Err(StoreError::Duplicate { .. }) => Ok(()),
            told => told,
        }
    }

    /// The first notices after a number, in their order.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn notices_after(
        &mut self,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Shown<Notice>>, StoreError> {
        let after = Some(Cursor { value: String::new(), id: after });
        self.notices(&Query { after, limit, ..self.all_notices() })
    }

    /// The number of the newest notice, 0 where there is none.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn newest_notice(&mut self) -> Result<u32, StoreError> {
        let order = Order { by: By::Id, descending: true };
        let newest = self.notices(&Query { order, limit: 1, ..self.all_notices() })?;
        Ok(newest.first().map_or(0, |notice| notice.id))
    }

    /// Forgets the oldest notices past so many.
    pub(super) fn forget_notices(&mut self, kept: u32) -> Result<(), Refusal> {
        let all = self.all_notices();
        let over = self.tx.count(&all)?.saturating_sub(u64::from(kept));
        let limit = u32::try_from(over).unwrap_or(u32::MAX).min(FORGOTTEN_AT_ONCE);
        if limit == 0 {
            return Ok(());
        }
        let mut oldest: Vec<Key> = Vec::new();
        self.tx.scan(&Query { limit, ..all }, &mut |record| {
            oldest.push(record.key);
            Ok(())
        })?;
        oldest.into_iter().try_for_each(|key| Ok(self.tx.delete(key)?))
    }

    fn all_notices(&self) -> Query {
        Query::all(self.account_id(), Kind::Notice)
    }

    fn notices(&mut self, query: &Query) -> Result<Vec<Shown<Notice>>, StoreError> {
        let mut found = Vec::new();
        self.tx.scan(query, &mut |record| {
            found.push(Shown::of(&record)?);
            Ok(())
        })?;
        Ok(found)
    }
}
