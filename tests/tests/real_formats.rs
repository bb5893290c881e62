//! What a newer version wrote is refused and left as it is; other options are no other format.

mod real;

use std::path::Path;

use real::damage::{base, based, logged, names, rolled};
use real::segments::used_segments;
use real::{Place, open, options};
use redb::{ReadableDatabase, TableDefinition};
use sessile::{Durability, Error, Options, Store};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

#[test]
fn a_newer_base_is_refused_with_both_formats() {
    let place = Place::new();
    based(&place.store(), 3);
    {
        let database = base(&place.store());
        let table = database.begin_read().unwrap().open_table(META).unwrap();
        let mut meta = table.get("store").unwrap().unwrap().value().to_vec();
        drop(table);
        assert_eq!(meta[4], 1, "the format comes first, behind the checksum");
        meta[4] = 2;
        // A newer version may have more to say.
        meta.extend_from_slice(&[1, 2, 3]);
        let checksum = crc32c::crc32c(&meta[4..]);
        meta[..4].copy_from_slice(&checksum.to_le_bytes());
        let mut transaction = database.begin_write().unwrap();
        transaction.set_quick_repair(true);
        drop(transaction.open_table(META).unwrap().insert("store", meta.as_slice()).unwrap());
        transaction.commit().unwrap();
    }
    newer(&place.store(), &place.store().join("base.redb"));
}

#[test]
fn a_newer_segment_is_refused_with_both_formats() {
    let place = Place::new();
    logged(&place.store(), 3);
    let segment = &mut used_segments(&place.store())[0];
    segment.set_format(2);
    newer(&place.store(), &segment.path);
    segment.set_format(1);
    assert_eq!(names(&open(&place.store())), [0, 1, 2]);
}

/// Neither opens it, nor does a salvage, which would drop what a newer version wrote.
fn newer(path: &Path, file: &Path) {
    let opened = Store::open(options(path));
    let salvaged = Store::open_salvage(options(path)).map(|(store, _)| store);
    for result in [opened, salvaged] {
        let error = result.unwrap_err();
        let Error::UnsupportedFormat { file: named, found: 2, supported: 1 } = &error else {
            panic!("expected an unsupported format, got: {error}")
        };
        assert_eq!(named, file);
        assert!(error.to_string().contains("newer"), "{error}");
    }
}

#[test]
fn options_may_change_from_one_opening_to_the_next() {
    let place = Place::new();
    let count = rolled(&place.store());
    for options in [
        Options::new(place.store()),
        Options::new(place.store()).payload_bytes_max(1000).log_bytes_max(4 * 1024 * 1024),
        Options::new(place.store()).log_bytes_max(512 * 1024 * 1024).durability(Durability::Async),
    ] {
        let store = Store::open(options).unwrap();
        assert_eq!(names(&store), Vec::from_iter(0..count));
        drop(store);
    }
}
