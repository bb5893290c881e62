//! Damage to the base is noticed, and never shows as another content.

mod real;

use std::fs;

use real::damage::{base, based, corrupted, edit_base, logged, names, record};
use real::{Place, copy, id, open, options, payload, seed, set};
use sessile::{Error, Owner, SetOptions, Store};

#[test]
fn a_log_without_its_base_is_damage() {
    let place = Place::new();
    logged(&place.store(), 3);
    let base = place.store().join("base.redb");
    fs::remove_file(&base).unwrap();
    corrupted(&place.store(), &base);
    assert!(!base.exists(), "nothing is made up");
}

#[test]
fn a_base_without_its_log_is_damage() {
    let place = Place::new();
    based(&place.store(), 3);
    let log = place.store().join("log");
    fs::remove_dir_all(&log).unwrap();
    corrupted(&place.store(), &log);
}

#[test]
fn a_base_that_is_empty_or_cut_short_is_damage() {
    let place = Place::new();
    based(&place.store(), 500);
    let base = place.store().join("base.redb");
    let sound = fs::read(&base).unwrap();
    for len in [0, 1, 100, 4096, sound.len() / 2, sound.len() - 1] {
        fs::write(&base, &sound[..len]).unwrap();
        corrupted(&place.store(), &base);
    }
    fs::write(&base, vec![0; sound.len()]).unwrap();
    corrupted(&place.store(), &base);
    fs::write(&base, "this is somebody's letter, not a database").unwrap();
    corrupted(&place.store(), &base);
    fs::write(&base, sound).unwrap();
    assert_eq!(names(&open(&place.store())).len(), 500);
}

#[test]
fn changed_bytes_in_the_base_never_show_another_content() {
    const COUNT: usize = 200;
    let place = Place::new();
    let sound = place.path().join("sound");
    based(&sound, COUNT);
    let bytes = fs::read(sound.join("base.redb")).unwrap();
    let full: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let seed = seed("DAMAGE_SEED");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut refused, mut errors) = (0, 0);
    for round in 0..100 {
        let path = place.path().join(format!("{round}"));
        copy(&sound, &path);
        let base = path.join("base.redb");
        let mut bytes = fs::read(&base).unwrap();
        // The beginning, where the file says what it is, and where it is not empty.
        let at = if round % 4 == 0 { random.usize(..512) } else { full[random.usize(..full.len())] };
        bytes[at] ^= 1 << random.u32(..8);
        fs::write(&base, bytes).unwrap();
        match Store::open(options(&path)) {
            Err(Error::Corrupted { file, .. } | Error::UnsupportedFormat { file, .. }) => {
                assert_eq!(file, base);
                refused += 1;
            }
            Err(error) => panic!("byte {at}: {error}"),
            Ok(store) => {
                for i in 0..COUNT {
                    match store.get(&id(format!("{i}"))) {
                        Ok(Some(session)) => {
                            assert_eq!(&*session.payload, format!("content of {i}").as_bytes(), "byte {at}");
                        }
                        Ok(None) => panic!("byte {at}: session {i} is missing without a word"),
                        Err(Error::Corrupted { file, .. }) => {
                            assert_eq!(file, base);
                            errors += 1;
                        }
                        Err(error) => panic!("byte {at}: {error}"),
                    }
                }
            }
        }
        fs::remove_dir_all(&path).unwrap();
    }
    eprintln!("{refused} opens refused; {errors} reads failed");
    assert!(refused + errors > 0, "the test missed its point");
}

#[test]
fn a_damaged_record_is_an_error_and_the_others_are_fine() {
    let place = Place::new();
    based(&place.store(), 10);
    let mut damaged = record(&place.store(), "3");
    *damaged.last_mut().unwrap() ^= 1;
    edit_base(&place.store(), |table| drop(table.insert(b"3".as_slice(), damaged.as_slice()).unwrap()));
    let base = place.store().join("base.redb");
    let store = open(&place.store());
    let error = store.get(&id("3")).unwrap_err();
    assert!(matches!(&error, Error::Corrupted { file, .. } if *file == base), "{error}");
    let report = store.check().unwrap();
    assert!(matches!(&*report.damage, [damage] if damage.file == base && damage.id == Some(id("3"))), "{report:?}");
    for i in (0..10).filter(|i| *i != 3) {
        assert_eq!(payload(&store, format!("{i}")), Some(format!("content of {i}").into_bytes()));
    }
    // Its user logs in again, and that is that.
    set(&store, "3", "content of 3");
    store.close().unwrap();
    assert_eq!(names(&open(&place.store())), Vec::from_iter(0..10));
}

#[test]
fn a_record_under_another_id_is_not_shown() {
    let place = Place::new();
    based(&place.store(), 10);
    let alices = record(&place.store(), "1");
    edit_base(&place.store(), |table| drop(table.insert(b"2".as_slice(), alices.as_slice()).unwrap()));
    let store = open(&place.store());
    assert!(matches!(store.get(&id("2")), Err(Error::Corrupted { .. })));
    assert!(payload(&store, "1").is_some());
}

/// It would never be removed.
#[test]
fn a_session_that_the_index_does_not_name_is_found_by_a_check() {
    const EXPIRY: redb::TableDefinition<'_, (u64, &[u8]), ()> = redb::TableDefinition::new("expiry");
    let place = Place::new();
    based(&place.store(), 10);
    {
        let database = base(&place.store());
        let mut transaction = database.begin_write().unwrap();
        transaction.set_quick_repair(true);
        let mut index = transaction.open_table(EXPIRY).unwrap();
        index.retain(|(_, id), ()| id != b"3").unwrap();
        drop(index);
        transaction.commit().unwrap();
    }
    let store = open(&place.store());
    let report = store.check().unwrap();
    assert!(matches!(&*report.damage, [damage] if damage.id == Some(id("3"))), "{report:?}");
    assert_eq!(report.sessions, 10);
}

/// Somebody logs out everywhere, or logs in as one too many: another session's damage is no reason to refuse it.
#[test]
fn damage_to_one_session_of_an_owner_keeps_none_of_the_others() {
    let owner = Owner::new("ada").unwrap();
    let damaged_store = || {
        let place = Place::new();
        let store = open(&place.store());
        for name in ["1", "2", "3"] {
            let options = SetOptions { owner: Some(owner.clone()), ..SetOptions::default() };
            store.set_with(&id(name), name.as_bytes(), options).unwrap().wait().unwrap();
        }
        store.close().unwrap();
        let mut damaged = record(&place.store(), "2");
        *damaged.last_mut().unwrap() ^= 1;
        edit_base(&place.store(), |table| drop(table.insert(b"2".as_slice(), damaged.as_slice()).unwrap()));
        let store = open(&place.store());
        (place, store)
    };
    let (_place, store) = damaged_store();
    assert!(matches!(store.sessions_of(&owner), Err(Error::Corrupted { .. })));
    assert_eq!(store.destroy_all_of(&owner, Some(&id("3"))).unwrap(), 2, "the damaged one goes, too");
    assert_eq!(store.count_of(&owner).unwrap(), 1);
    assert_eq!(payload(&store, "3"), Some(b"3".to_vec()));
    store.flush().unwrap();
    assert!(store.check().unwrap().damage.is_empty());

    let (_place, store) = damaged_store();
    assert_eq!(store.keep_newest_of(&owner, 1, Some(&id("3"))).unwrap(), 1);
    assert_eq!((payload(&store, "1"), payload(&store, "3")), (None, Some(b"3".to_vec())));
}
