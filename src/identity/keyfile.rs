//! `keys.json`: written once with random keys, read at each start, rewritten only to add a master
//! key.
//!
//! It is written as a temporary file, synced, renamed and its folder synced, under a lock, so that
//! two processes starting at once agree on the keys and a crash leaves the old file or the new one. Where it is a link,
//! that stays, and all this happens to the file that it leads to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::keyring::{KeyError, Keys};
use super::owner::{give_to_owner_of, open_lock};

/// The name of the file in the data directory.
pub const KEYS_FILE: &str = "keys.json";

/// The format of the file that this release reads and writes.
const FORMAT: u32 = 1;

/// Far above what 65,535 master keys take; a larger file is not ours.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Folders whose content is sealed, or hashed, under the keys.
const DATA_FOLDERS: [&str; 4] = ["log", "checkpoints", "outbox", "snapshots"];

/// The file's JSON.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: u32,
    installation_key: String,
    master_keys: Vec<MasterKey>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MasterKey {
    version: u16,
    key: String,
}

/// Reads the keys in `dir`, creating folder and file where there is nothing yet.
pub(super) fn open_or_create(dir: &Path) -> Result<Keys, KeyError> {
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let _lock = lock(dir)?;
    let path = dir.join(KEYS_FILE);
    if path.try_exists().map_err(io_error("look for", &path))? {
        return read(&path);
    }
    for folder in DATA_FOLDERS.map(|name| dir.join(name)) {
        if holds_files(&folder)? {
            return Err(KeyError::Missing { path, data: folder });
        }
    }
    let keys = Keys { installation: random_key()?, masters: vec![(1, random_key()?)] };
    write(&path, &keys)?;
    Ok(keys)
}

/// Reads the keys in `dir` and creates nothing.
pub(super) fn existing(dir: &Path) -> Result<Keys, KeyError> {
    let path = dir.join(KEYS_FILE);
    if !path.try_exists().map_err(io_error("look for", &path))? {
        return Err(KeyError::Absent { path });
    }
    read(&path)
}

/// Adds a random master key to the file in `dir`.
pub(super) fn append_master(dir: &Path) -> Result<Keys, KeyError> {
    // Before the lock is taken, which would leave its file where there are no keys.
    existing(dir)?;
    let _lock = lock(dir)?;
    let path = dir.join(KEYS_FILE);
    let mut keys = read(&path)?;
    let (newest, _) = *keys.masters.last().expect("a key file without master keys is refused");
    let version =
        newest.checked_add(1).ok_or_else(|| KeyError::VersionsUsedUp { path: path.clone() })?;
    keys.masters.push((version, random_key()?));
    write(&path, &keys)?;
    Ok(keys)
}

/// Held while the file is looked for and written; the system drops it with the process.
fn lock(dir: &Path) -> Result<File, KeyError> {
    let path = dir.join(".keys.lock");
    let file = open_lock(&path, &dir.join(KEYS_FILE)).map_err(io_error("open", &path))?;
    file.lock().map_err(io_error("lock", &path))?;
    Ok(file)
}

fn holds_files(folder: &Path) -> Result<bool, KeyError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error("look into", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(io_error("look into", folder))?;
        let is_folder = entry.file_type().map_err(io_error("look into", folder))?.is_dir();
        if !is_folder || holds_files(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads the file, and changes nothing.
pub(super) fn read(path: &Path) -> Result<Keys, KeyError> {
    let file = File::open(path).map_err(io_error("open", path))?;
    let mode = file.metadata().map_err(io_error("look at", path))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::OpenToOthers { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(io_error("read", path))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Keys, KeyError> {
    let malformed = |reason: String| KeyError::Malformed { path: path.to_owned(), reason };
    let file: KeyFile = serde_json::from_str(text).map_err(|error| {
        // The parser's message may quote the file; line and column may not.
        malformed(format!("line {}, column {}", error.line(), error.column()))
    })?;
    if file.format != FORMAT {
        let format = file.format;
        return Err(KeyError::NewerFormat { path: path.to_owned(), format, known: FORMAT });
    }
    let installation = parse_key(&file.installation_key)
        .ok_or_else(|| malformed("installation_key is not 64 hexadecimal digits".to_owned()))?;
    let mut masters: Vec<(u16, [u8; 32])> = Vec::with_capacity(file.master_keys.len());
    for MasterKey { version, key } in file.master_keys {
        let key = parse_key(&key).ok_or_else(|| {
            malformed(format!("master key {version} is not 64 hexadecimal digits"))
        })?;
        if masters.last().is_some_and(|&(before, _)| before >= version) {
            return Err(malformed(format!("master key {version} is not in ascending order")));
        }
        masters.push((version, key));
    }
    if masters.is_empty() {
        return Err(malformed("it has no master key".to_owned()));
    }
    Ok(Keys { installation, masters })
}

/// Puts the file in the place of any other.
pub(super) fn write(path: &Path, keys: &Keys) -> Result<(), KeyError> {
    let master_keys = keys
        .masters
        .iter()
        .map(|&(version, key)| MasterKey { version, key: format_key(&key) })
        .collect();
    let installation_key = format_key(&keys.installation);
    let file = KeyFile { format: FORMAT, installation_key, master_keys };
    let mut text = serde_json::to_vec_pretty(&file)
        .map_err(|error| io_error("encode", path)(io::Error::from(error)))?;
    text.push(b'\n');
    replace(&resolved(path)?, &text)
}

/// Where the file is that a link leads to, which may lead to none yet only where there is no link.
fn resolved(path: &Path) -> Result<PathBuf, KeyError> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            Ok(path.to_owned())
        }
        found => found.map_err(io_error("follow", path)),
    }
}

/// Puts `text` in the place of the file, wholly or not at all.
fn replace(path: &Path, text: &[u8]) -> Result<(), KeyError> {
    let temporary: PathBuf = path.with_extension("json.new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &temporary)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(io_error("create", &temporary))?;
    // Made by root, the daemon could not read it.
    give_to_owner_of(&file, path).map_err(io_error("keep the owner of", path))?;
    file.write_all(text).map_err(io_error("write", &temporary))?;
    file.sync_all().map_err(io_error("sync", &temporary))?;
    fs::rename(&temporary, path).map_err(io_error("rename", &temporary))?;
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("sync", dir))
}

fn random_key() -> Result<[u8; 32], KeyError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(KeyError::NoRandomness)?;
    Ok(key)
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text).ok().map(Into::into)
}

fn format_key(key: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*key).to_hex().to_string()
}

fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> KeyError + 'a {
    move |source| KeyError::Io { doing, path: path.to_owned(), source }
}
