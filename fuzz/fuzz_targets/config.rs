//! The config file, with nothing in the environment: a config that a second load reads the same, or findings that say
//! where.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use geofenced::config::Config;
use libfuzzer_sys::fuzz_target;

/// One file per process, written anew for each run.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("geofenced-fuzz-config-{}.toml", std::process::id()))
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a temporary file can be written");
    match Config::load_from(Some(&FILE), &[]) {
        Ok(config) => {
            let again = Config::load_from(Some(&FILE), &[]).expect("it was fine a moment ago");
            assert_eq!(config.changed_keys(&again), Vec::<String>::new());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
