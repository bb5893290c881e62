//! A closed store lets go of everything, although handles on it are kept.

mod real;

use std::fs;
use std::path::{Path, PathBuf};

use real::{Place, id, open, set};

/// The store's files that this process has open.
fn open_files(path: &Path) -> Vec<PathBuf> {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(path)).collect()
}

#[test]
fn a_closed_store_keeps_no_file_and_no_memory() {
    let place = Place::new();
    let store = open(&place.store());
    let path = fs::canonicalize(place.store()).unwrap();
    for number in 0..200 {
        store.set(&id(format!("{number}")), vec![1; 20_000], None).unwrap().wait().unwrap();
    }
    assert!(store.stats().cache_bytes + store.stats().dirty_bytes > 200 * 20_000);
    assert!(open_files(&path).len() > 3, "{:?}", open_files(&path));
    store.close().unwrap();
    let stats = store.stats();
    assert_eq!((stats.cache_bytes, stats.dirty_bytes), (0, 0));
    assert_eq!(open_files(&path), Vec::<PathBuf>::new());
}

#[test]
fn a_closed_store_does_not_open_its_base_again() {
    let place = Place::new();
    let store = open(&place.store());
    let path = fs::canonicalize(place.store()).unwrap();
    set(&store, "a", "1");
    store.close().unwrap();
    let _figures = store.stats();
    assert!(store.get(&id("a")).is_err() && store.len().is_err());
    assert_eq!(open_files(&path), Vec::<PathBuf>::new(), "another process may have the store by now");
}
