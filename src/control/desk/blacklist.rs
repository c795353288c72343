//! The account's blacklist: advertising ids, sealed, and echo codes, which the SDK makes up and are kept as they are.

use super::desk::Desk;
use super::listing::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::control::refusal::Refusal;
use crate::control::store::{DeviceList, Key};
use crate::domain::ids::DeviceId;
use crate::domain::problem::Fault;
use crate::identity::SealedDevice;

/// So many devices one request may name.
pub const MAX_EDIT: usize = 1000;

/// Devices to put on, or take off.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BlacklistEdit {
    /// Advertising ids.
    pub advertising_ids: Vec<String>,
    /// Echo codes, 32 hexadecimal digits each.
    pub echo_codes: Vec<String>,
}

/// What became of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BlacklistEdited {
    /// How many were put on or taken off; those that were on or off already are not among them.
    pub changed: u64,
}

/// What a listing of the blacklist can be asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlacklistRequest {
    /// `advertising_id` or `echo_code`.
    pub by: String,
    /// Where the page before ended.
    pub cursor: String,
    /// Devices a page.
    pub limit: Option<u32>,
    /// For any listing: wait for this epoch first.
    pub wait_epoch: Option<u64>,
}

/// A page of the blacklist.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BlacklistPage {
    /// Advertising ids or echo codes.
    pub items: Vec<String>,
    /// How many there are in all.
    pub total: u64,
    /// What to send as `cursor` for the next page; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Desk<'_> {
    /// A page of the blacklist.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with the parameter that is wrong.
    pub fn blacklist(&mut self, asked: &BlacklistRequest) -> Result<BlacklistPage, Refusal> {
        let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let detail = format!("limit is {limit}; allowed: 1 to {MAX_LIMIT}");
            return Err(Refusal::field("limit", detail));
        }
        let list = match asked.by.as_str() {
            "" | "advertising_id" => DeviceList::Blacklist,
            "echo_code" => DeviceList::EchoBlacklist,
            other => {
                let detail = format!("by is {other:?}; allowed: advertising_id, echo_code");
                return Err(Refusal::field("by", detail));
            }
        };
        let after = cursor(&asked.cursor)?;
        let list = (Key::of_account(self.account_id()), list);
        let mut found = self.tx.devices(list, after, limit + 1)?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| hex(&last.to_bytes()));
        let total = self.tx.count_devices(list)?;
        let items = if list.1 == DeviceList::EchoBlacklist {
            found.iter().map(|one| hex(&one.block)).collect()
        } else {
            self.opened(&found)?.iter().map(ToString::to_string).collect()
        };
        Ok(BlacklistPage { items, total, next })
    }

    /// Puts devices on the blacklist or takes them off.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with what is no id, and nothing is changed.
    pub fn edit_blacklist(
        &mut self,
        edit: &BlacklistEdit,
        add: bool,
    ) -> Result<BlacklistEdited, Refusal> {
        let devices = ids("advertising_ids", &edit.advertising_ids)?;
        let echoes = ids("echo_codes", &edit.echo_codes)?;
        let key = Key::of_account(self.account_id());
        let plain: Vec<SealedDevice> = echoes.iter().map(|echo| echo_code(echo.0)).collect();
        // A device that was kept before a rotation of the keys is kept once, under the newest.
        let before = self.sealed_before(&devices);
        let moved = self.tx.remove_devices((key, DeviceList::Blacklist), &before)?;
        let mut changed = if add { 0 } else { moved };
        let sealed = self.sealed(&devices);
        for (list, devices) in [(DeviceList::Blacklist, sealed), (DeviceList::EchoBlacklist, plain)]
        {
            changed += if add {
                self.tx.add_devices((key, list), &devices)?
            } else {
                self.tx.remove_devices((key, list), &devices)?
            };
        }
        changed -= if add { moved.min(changed) } else { 0 };
        if changed > 0 {
            let action = if add { "blacklist_add" } else { "blacklist_remove" };
            self.note(action, key, "", &format!("{changed} devices"))?;
            if self.is_live()? {
                self.touch_engine();
            }
        }
        Ok(BlacklistEdited { changed })
    }
}

/// An echo code in the form of the lists: under no key.
pub(in crate::control) fn echo_code(block: [u8; 16]) -> SealedDevice {
    SealedDevice { key_version: 0, block }
}

fn ids(field: &str, texts: &[String]) -> Result<Vec<DeviceId>, Refusal> {
    if texts.len() > MAX_EDIT {
        let detail = format!(
            "{field} has {} entries; allowed: at most {MAX_EDIT} a request; upload a file for more",
            texts.len()
        );
        return Err(Refusal::field(format!("/{field}"), detail));
    }
    let (mut read, mut faults) = (Vec::with_capacity(texts.len()), Vec::new());
    for (at, text) in texts.iter().enumerate() {
        match DeviceId::parse(text) {
            Ok(id) if !id.is_nil() => read.push(id),
            // The text is not shown: it may be most of somebody's advertising id.
            _ => faults.push(Fault::new(
                format!("/{field}/{at}"),
                "this names no device; allowed: 32 hexadecimal digits, with or without hyphens, not all zeros",
            )),
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(Refusal::Faults(faults)) }
}

fn cursor(text: &str) -> Result<Option<SealedDevice>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = text
        .as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    let bytes = bytes.and_then(|bytes| <[u8; SealedDevice::LEN]>::try_from(bytes).ok());
    let detail = "this is no cursor of such a listing; allowed: next of the page before";
    bytes
        .map(|bytes| Some(SealedDevice::from_bytes(bytes)))
        .ok_or_else(|| Refusal::field("cursor", detail))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
