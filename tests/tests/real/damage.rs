//! Stores to be damaged, and what opening them says.

use std::path::Path;

use super::{far, id, open, options, scan, set};
use redb::{Database, ReadableDatabase, TableDefinition};
use sessile::simulation::{BaseBackend, Disk, Storage};
use sessile::{Damage, Durability, Error, Store};

pub const SESSIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");

/// A store with the sessions 0 to `count`, each in a frame of its own and none in the base.
pub fn logged(path: &Path, count: usize) {
    let store = open(path);
    for i in 0..count {
        set(&store, format!("{i}"), format!("content of {i}"));
    }
    drop(store);
}

/// A store with the sessions 0 to `count`, all in the base.
pub fn based(path: &Path, count: usize) {
    let store = open(path);
    for i in 0..count {
        drop(store.set(&id(format!("{i}")), format!("content of {i}").into_bytes(), Some(far())).unwrap());
    }
    store.close().unwrap();
}

pub fn names(store: &Store) -> Vec<usize> {
    let mut names: Vec<usize> = scan(store, 100)
        .into_iter()
        .map(|(id, session)| {
            let name = std::str::from_utf8(id.as_bytes()).unwrap().to_owned();
            assert_eq!(&*session.payload, format!("content of {name}").as_bytes());
            name.parse().unwrap()
        })
        .collect();
    names.sort_unstable();
    assert_eq!(store.len().unwrap(), names.len() as u64);
    names
}

/// Opening fails with damage in `file`, at the offset returned.
pub fn corrupted(path: &Path, file: &Path) -> u64 {
    match Store::open(options(path)) {
        Err(error @ Error::Corrupted { .. }) => {
            let said = error.to_string();
            let Error::Corrupted { file: named, offset, .. } = error else { unreachable!() };
            assert_eq!(named, file, "{said}");
            assert!(said.contains("salvage") && said.contains("backup"), "{said}");
            offset
        }
        Err(error) => panic!("expected damage in {}, got: {error}", file.display()),
        Ok(store) => panic!("damage in {} was not noticed; it has {:?}", file.display(), names(&store)),
    }
}

pub fn salvage(path: &Path) -> (Store, Vec<Damage>) {
    Store::open_salvage(options(path)).unwrap()
}

/// A store whose log goes over several segments, none of them covered by a checkpoint.
pub fn rolled(path: &Path) -> usize {
    let options = options(path).payload_bytes_max(1024 * 1024).log_bytes_max(4 * 1024 * 1024);
    let store = Store::open(options.durability(Durability::Write)).unwrap();
    let mut count = 0;
    // Below the share of a full log at which a checkpoint begins by itself.
    while store.stats().log_bytes_used < 1_100_000 {
        let content = format!("content of {count}");
        store.set(&id(format!("{count}")), content.into_bytes(), Some(far())).unwrap().wait().unwrap();
        let filler = vec![0; 20_000];
        store.set(&id("filler"), filler, Some(far())).unwrap().wait().unwrap();
        count += 1;
    }
    store.destroy(&id("filler")).unwrap().wait().unwrap();
    drop(store);
    count
}

/// The base of a store, as redb has it below its checksums.
pub fn base(path: &Path) -> Database {
    let file = Disk.open(&path.join("base.redb")).unwrap();
    Database::builder().create_with_backend(BaseBackend::open(file).unwrap()).unwrap()
}

/// Changes the base's records by its own means.
pub fn edit_base(path: &Path, edit: impl FnOnce(&mut redb::Table<'_, &'static [u8], &'static [u8]>)) {
    let database = base(path);
    let mut transaction = database.begin_write().unwrap();
    transaction.set_quick_repair(true);
    edit(&mut transaction.open_table(SESSIONS).unwrap());
    transaction.commit().unwrap();
}

pub fn record(path: &Path, name: &str) -> Vec<u8> {
    let database = base(path);
    let table = database.begin_read().unwrap().open_table(SESSIONS).unwrap();
    table.get(name.as_bytes()).unwrap().unwrap().value().to_vec()
}
