//! A salvage keeps what is left of a damaged store, and lists what is not.

mod real;

use std::fs;

use real::damage::{based, corrupted, edit_base, logged, names, record, rolled, salvage};
use real::segments::used_segments;
use real::{Place, id, open, options, set};
use sessile::{Error, Store};

#[test]
fn a_sound_store_loses_nothing_by_a_salvage() {
    let place = Place::new();
    based(&place.store(), 5);
    let store = open(&place.store());
    set(&store, "5", "content of 5");
    store.destroy(&id("0")).unwrap().wait().unwrap();
    drop(store);
    let (store, dropped) = salvage(&place.store());
    assert_eq!(dropped, []);
    assert_eq!(names(&store), [1, 2, 3, 4, 5]);
    assert!(matches!(Store::open_salvage(options(&place.store())), Err(Error::Locked { .. })), "it is open already");
}

#[test]
fn a_salvage_steps_over_damaged_frames_and_lists_them() {
    let place = Place::new();
    logged(&place.store(), 10);
    let segment = &mut used_segments(&place.store())[0];
    let frames = segment.batches();
    for i in [2, 3, 7] {
        segment.flip(frames[i].offset + 50);
    }
    corrupted(&place.store(), &segment.path);
    let (store, dropped) = salvage(&place.store());
    assert_eq!(names(&store), [0, 1, 4, 5, 6, 8, 9]);
    let listed: Vec<_> = dropped.iter().map(|dropped| (dropped.file.clone(), dropped.offset as usize)).collect();
    assert_eq!(listed, [(segment.path.clone(), frames[2].offset), (segment.path.clone(), frames[7].offset)]);
    set(&store, "2", "content of 2");
    drop(store);
    assert_eq!(names(&open(&place.store())), [0, 1, 2, 4, 5, 6, 8, 9], "and from then on it opens as always");
}

#[test]
fn a_salvage_goes_on_behind_a_missing_segment() {
    let place = Place::new();
    let count = rolled(&place.store());
    let used = used_segments(&place.store());
    fs::remove_file(&used[1].path).unwrap();
    let (store, dropped) = salvage(&place.store());
    assert!(!dropped.is_empty());
    let left = names(&store);
    assert!(left.contains(&0) && left.contains(&(count - 1)), "both ends are there: {left:?}");
    assert!(left.len() < count);
}

#[test]
fn a_salvage_removes_damaged_records_and_lists_them() {
    let place = Place::new();
    based(&place.store(), 10);
    let mut damaged = record(&place.store(), "3");
    damaged[6] ^= 1;
    edit_base(&place.store(), |table| drop(table.insert(b"3".as_slice(), damaged.as_slice()).unwrap()));
    let (store, dropped) = salvage(&place.store());
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert_eq!(dropped[0].file, place.store().join("base.redb"));
    assert_eq!(names(&store), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(store.get(&id("3")).unwrap(), None);
}

#[test]
fn a_salvage_sets_an_unreadable_base_aside_and_keeps_the_log() {
    for damage in ["garbage", "gone"] {
        let place = Place::new();
        based(&place.store(), 5);
        let store = open(&place.store());
        for i in 5..8 {
            set(&store, format!("{i}"), format!("content of {i}"));
        }
        drop(store);
        let base = place.store().join("base.redb");
        let garbage = vec![0xA5; 10_000];
        if damage == "gone" {
            fs::remove_file(&base).unwrap()
        } else {
            fs::write(&base, &garbage).unwrap()
        }
        corrupted(&place.store(), &base);
        let (store, dropped) = salvage(&place.store());
        assert_eq!(names(&store), [5, 6, 7], "{damage}");
        assert!(dropped.iter().any(|dropped| dropped.file == base), "{dropped:?}");
        let aside = place.store().join("base.redb.damaged");
        assert_eq!(fs::read(aside).ok(), (damage == "garbage").then_some(garbage));
        set(&store, "8", "content of 8");
        store.close().unwrap();
        assert_eq!(names(&open(&place.store())), [5, 6, 7, 8], "{damage}");
    }
}
