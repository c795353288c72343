//! Imports at the desk: begun, followed, accepted, given up.

use crate::control::desk::Desk;
use crate::control::desk::changes::{Once, content};
use crate::control::desk::membership::Feature;
use crate::control::documents::notice::NoticeOf;
use crate::control::documents::{Document as _, Group, Import, Notice, Segment, Shown, document};
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::refusal::Refusal;
use crate::control::store::{DeviceList, Kind, Query};
use crate::domain::units::DAY_MS;

/// What comes with an upload.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UploadRequest {
    /// What is in the file: group, places, regions, segment, blacklist or addresses.
    pub of: String,
    /// What the file is called.
    pub file: String,
    /// The name of the group or segment that it makes.
    pub name: String,
    /// The group or segment that it fills anew, in place of making one.
    pub into: Option<u32>,
}

impl UploadRequest {
    /// What is in the file.
    ///
    /// # Errors
    /// [`Refusal::Faults`].
    pub fn kind(&self) -> Result<ImportOf, Refusal> {
        let named = |kind: &ImportOf| serde_json::to_value(kind).is_ok_and(|name| name == self.of);
        ImportOf::ALL.into_iter().find(named).ok_or_else(|| {
            let detail = format!(
                "of is {:?}; allowed: group, places, regions, segment, blacklist, addresses",
                self.of
            );
            Refusal::field("of", detail)
        })
    }
}

impl Desk<'_> {
    /// Begins an import of a file that has arrived, of `bytes` bytes. Gives also the imports whose place it takes: nobody
    /// reads their files any more.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn begin_import(
        &mut self,
        asked: &UploadRequest,
        bytes: u64,
    ) -> Result<(Shown<Import>, Vec<u32>), Refusal> {
        let of = self.may_begin_import(asked)?;
        let into = match of {
            ImportOf::Group => Some(self.group_to_fill(asked)?),
            ImportOf::Segment => Some(self.segment_to_fill(asked)?),
            ImportOf::Places | ImportOf::Regions | ImportOf::Blacklist | ImportOf::Addresses => {
                None
            }
        };
        let earlier = self.supersede(of, into)?;
        let file = if asked.file.is_empty() { "upload" } else { &asked.file };
        let file = file.chars().filter(|one| !one.is_control()).take(200).collect();
        let import = Import::begun(file, of, into, bytes);
        let record = self.insert(import, Import::FIRST_STATE)?;
        Ok((Shown::of(&record)?, earlier))
    }

    /// Begins an import, or gives the one that an earlier request with the same key has begun.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn import_once(
        &mut self,
        once: Option<&Once>,
        begin: impl FnOnce(&mut Self) -> Result<Shown<Import>, Refusal>,
    ) -> Result<Shown<Import>, Refusal> {
        self.once(once, begin)
    }

    /// What may be refused before the file has come; gives what is in it.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn may_begin_import(&mut self, asked: &UploadRequest) -> Result<ImportOf, Refusal> {
        let of = asked.kind()?;
        self.refuse_too_many_uploads()?;
        let account = self.account();
        match of {
            ImportOf::Group => account.membership.must_have(Feature::Groups)?,
            ImportOf::Segment => account.membership.must_have(Feature::Segments)?,
            ImportOf::Places | ImportOf::Regions | ImportOf::Blacklist | ImportOf::Addresses => {}
        }
        match (of, asked.into) {
            (ImportOf::Group, Some(group)) => {
                self.record(Kind::Group, group)?;
                self.may_be_filled(group)?;
            }
            (ImportOf::Segment, Some(segment)) => self.must_take_a_file(segment)?,
            _ => {}
        }
        Ok(of)
    }

    /// A later file for the same group or segment takes the place of those that are not done with.
    fn supersede(&mut self, of: ImportOf, into: Option<u32>) -> Result<Vec<u32>, Refusal> {
        if into.is_none() {
            return Ok(Vec::new());
        }
        let states = vec!["checking".to_owned(), "partly_failed".to_owned()];
        let mut earlier = Vec::new();
        let query = Query { states, ..Query::all(self.account_id(), Kind::Import) };
        self.scan(&query, &mut |record| {
            let import: Import = document::read(&record)?;
            earlier.extend((import.of == of && import.into == into).then_some(record.key.id));
            Ok(())
        })?;
        for id in &earlier {
            self.leave_off(*id, "a later file was sent in its place")?;
        }
        match (of, into) {
            (ImportOf::Group, Some(group)) => self.set_file_state::<Group>(group, "checking")?,
            (_, Some(segment)) => self.set_file_state::<Segment>(segment, "checking")?,
            (_, None) => {}
        }
        Ok(earlier)
    }

    /// Ends an import that is not done with, for a reason.
    pub(in crate::control) fn leave_off(&mut self, id: u32, why: &str) -> Result<(), Refusal> {
        let shown: Shown<Import> = self.document(id)?;
        // Of a file that waits to be accepted nothing was put in: what was there before is as it was.
        let state = match shown.state.as_str() {
            "checking" => "failed",
            "partly_failed" if self.is_filled(&shown.document)? => "usable",
            "partly_failed" => "failed",
            _ => return Ok(()),
        };
        self.set_state_of_target(&shown.document, state)?;
        let import = Import { reason: why.to_owned(), ..shown.document };
        self.update(self.key(Kind::Import, id), content(&import, "failed"))?;
        Ok(())
    }

    /// Whether the group or segment of an import has anything in it.
    fn is_filled(&mut self, import: &Import) -> Result<bool, Refusal> {
        Ok(match (import.of, import.into) {
            (ImportOf::Group, Some(group)) => !self.members(group)?.is_empty(),
            (ImportOf::Segment, Some(segment)) => {
                self.count_devices((self.key(Kind::Segment, segment), DeviceList::Segment))? > 0
            }
            _ => false,
        })
    }

    fn must_take_a_file(&mut self, segment: u32) -> Result<(), Refusal> {
        if self.document::<Segment>(segment)?.document.history.is_none() {
            return Ok(());
        }
        let detail = "the segment is by visit history and takes no file; make another one";
        Err(Refusal::field("into", detail))
    }

    fn refuse_too_many_uploads(&mut self) -> Result<(), Refusal> {
        let allowed = self.account().limits.uploads_per_day;
        let since = self.now().0 - DAY_MS;
        let mut today = 0_u32;
        self.scan(&Query::all(self.account_id(), Kind::Import), &mut |record| {
            today += u32::from(record.created_at.0 > since);
            Ok(())
        })?;
        if today < allowed {
            return Ok(());
        }
        Err(Refusal::TooMany { what: "uploads", allowed, per: "a day", retry_s: 3600 })
    }

    fn group_to_fill(&mut self, asked: &UploadRequest) -> Result<u32, Refusal> {
        let Some(group) = asked.into else {
            let name = asked.name.clone();
            return Ok(self.create(Group { name, description: String::new() }, None)?.id);
        };
        Ok(group)
    }

    fn segment_to_fill(&mut self, asked: &UploadRequest) -> Result<u32, Refusal> {
        let Some(segment) = asked.into else {
            let name = asked.name.clone();
            return Ok(self.create(Segment { name, ..Segment::default() }, None)?.id);
        };
        Ok(segment)
    }

    /// Sets where a group or segment stands with its file.
    pub(in crate::control) fn set_file_state<D: crate::control::desk::Ruled>(
        &mut self,
        id: u32,
        state: &str,
    ) -> Result<(), Refusal> {
        let shown: Shown<D> = self.document(id)?;
        let key = self.key(D::KIND, id);
        self.update(key, content(&shown.document, state))?;
        Ok(())
    }

    /// Takes the good rows of an import that has bad ones too.
    ///
    /// # Errors
    /// [`Refusal::NotUsable`] where there is nothing to accept.
    pub fn accept_import(&mut self, id: u32) -> Result<Shown<Import>, Refusal> {
        let shown: Shown<Import> = self.document(id)?;
        if shown.state != "partly_failed" {
            let remedy = "only one that is partly_failed has good rows to accept";
            return Err(Refusal::NotUsable { kind: Kind::Import, id, state: shown.state, remedy });
        }
        let accepted = Import { accepted: true, rows_done: 0, per_cent: 0, ..shown.document };
        if let (ImportOf::Group, Some(group)) = (accepted.of, accepted.into) {
            self.may_be_filled(group)?;
        }
        self.set_state_of_target(&accepted, "checking")?;
        let key = self.key(Kind::Import, id);
        self.note("accept", key, "partly_failed", "checking")?;
        let record = self.update(key, content(&accepted, "checking"))?;
        Ok(Shown::of(&record)?)
    }

    /// Notes and tells what has come of an import.
    pub(in crate::control) fn end_import(
        &mut self,
        id: u32,
        state: &str,
        change: impl FnOnce(&mut Import),
    ) -> Result<(), Refusal> {
        self.follow_import(id, state, change)?;
        let name = self.document::<Import>(id)?.document.file;
        let (of, detail) = (NoticeOf::ImportEnded, state.to_owned());
        Ok(self.tell(&Notice { of, subject: id, name, detail })?)
    }

    /// Notes how far an import is.
    pub(in crate::control) fn follow_import(
        &mut self,
        id: u32,
        state: &str,
        change: impl FnOnce(&mut Import),
    ) -> Result<(), Refusal> {
        let key = self.key(Kind::Import, id);
        let shown: Shown<Import> = self.document(id)?;
        if shown.state != Import::FIRST_STATE {
            // It was left off meanwhile, as if it were gone.
            return Err(Refusal::NoSuch(key));
        }
        let mut import = shown.document;
        change(&mut import);
        self.update(key, content(&import, state))?;
        self.set_state_of_target(&import, state)
    }

    /// Where the group or segment that an import fills stands with it.
    fn set_state_of_target(&mut self, import: &Import, state: &str) -> Result<(), Refusal> {
        let told = match (import.of, import.into) {
            (ImportOf::Group, Some(group)) => self.set_file_state::<Group>(group, state),
            (ImportOf::Segment, Some(segment)) => self.set_file_state::<Segment>(segment, state),
            _ => Ok(()),
        };
        // It may have been deleted meanwhile; the import comes to its end all the same.
        if matches!(told, Err(Refusal::NoSuch(_))) { Ok(()) } else { told }
    }
}
