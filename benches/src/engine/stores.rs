//! The filled stores that the parts measure on: each is made when it is first needed, and shared by those that
//! follow, also in a later process that is given the same directory. Parts change what sessions hold, never which
//! there are.

use std::path::{Path, PathBuf};
use std::time::Instant;

use sessile::{Options, Store};
use sessile_benches::sample::Sessions;

use crate::redb_alone::RedbAlone;

/// Where they are.
#[derive(Debug)]
pub struct Stores {
    directory: PathBuf,
}

impl Stores {
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of a store of so many sessions, which is closed.
    pub fn filled(&self, count: u64) -> PathBuf {
        self.made(&format!("sessions-{count}"), |path| Sessions::new(count).fill(path))
    }

    /// A store of so many sessions, opened with the default options.
    pub fn open(&self, count: u64) -> Store {
        Store::open(Options::new(self.filled(count))).expect("opened")
    }

    /// The same sessions in redb alone.
    pub fn redb(&self, count: u64) -> RedbAlone {
        let path = self.made(&format!("redb-{count}"), |path| RedbAlone::fill(path, Sessions::new(count)));
        RedbAlone::open(&path, Sessions::new(count))
    }

    /// What is made under another name first, so that what has its name is complete.
    fn made(&self, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
        let path = self.directory.join(name);
        if !path.exists() {
            let start = Instant::now();
            let partial = self.directory.join(format!("{name}.partial"));
            make(&partial);
            std::fs::rename(&partial, &path).expect("renamed");
            eprintln!("engine: {name} made in {:.1} s", start.elapsed().as_secs_f64());
        }
        path
    }
}
