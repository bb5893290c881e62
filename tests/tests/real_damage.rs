//! Damage on disk is noticed and located, and a salvage keeps what is left.
//!
//! What a crash can leave is never taken for damage, and what no crash can leave is never taken for the end
//! of the log.

mod real;

use std::fs;
use std::path::Path;

use real::segments::{BATCH, CONTINUED, MARK, segments, used_segments};
use real::{Place, copy, far, id, open, options, payload, scan, seed, set};
use redb::{Database, ReadableDatabase, TableDefinition};
use sessile::{Dropped, Durability, Error, Options, Store};

const SESSIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// A store with the sessions 0 to `count`, each in a frame of its own and none in the base.
fn logged(path: &Path, count: usize) {
    let store = open(path);
    for i in 0..count {
        set(&store, format!("{i}"), format!("content of {i}"));
    }
    drop(store);
}

/// A store with the sessions 0 to `count`, all in the base.
fn based(path: &Path, count: usize) {
    let store = open(path);
    for i in 0..count {
        drop(store.set(&id(format!("{i}")), format!("content of {i}").into_bytes(), Some(far())).unwrap());
    }
    store.close().unwrap();
}

fn names(store: &Store) -> Vec<usize> {
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
fn corrupted(path: &Path, file: &Path) -> u64 {
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

fn salvage(path: &Path) -> (Store, Vec<Dropped>) {
    Store::open_salvage(options(path)).unwrap()
}

#[test]
fn a_changed_byte_in_any_acknowledged_frame_is_located() {
    const COUNT: usize = 10;
    let place = Place::new();
    logged(&place.store(), COUNT);
    let segment = &mut used_segments(&place.store())[0];
    let frames = segment.batches();
    assert_eq!(frames.len(), COUNT);
    for frame in frames {
        // In the marker, the checksum, the length, the kind, the numbers, and what it holds.
        for at in [0, 5, 9, 13, 26, 41, frame.len - 1] {
            segment.flip(frame.offset + at);
            let offset = corrupted(&place.store(), &segment.path);
            assert_eq!(offset, frame.offset as u64, "byte {at} of the frame");
            segment.flip(frame.offset + at);
        }
    }
    assert_eq!(names(&open(&place.store())), Vec::from_iter(0..COUNT), "looking changes nothing");
}

#[test]
fn a_damaged_last_frame_is_noticed_once_the_store_was_idle() {
    let place = Place::new();
    logged(&place.store(), 3);
    let segment = &mut used_segments(&place.store())[0];
    assert_eq!(segment.frames().last().unwrap().kind, MARK, "closing leaves a mark");
    let last = *segment.batches().last().unwrap();
    segment.flip(last.offset + 50);
    assert_eq!(corrupted(&place.store(), &segment.path), last.offset as u64);
}

#[test]
fn a_last_frame_that_nothing_says_was_durable_is_taken_for_torn() {
    let place = Place::new();
    logged(&place.store(), 3);
    let segment = &mut used_segments(&place.store())[0];
    // As a power loss leaves it in the middle of the last write.
    for mark in segment.frames().into_iter().filter(|frame| frame.kind == MARK) {
        segment.zero(mark);
    }
    let last = *segment.batches().last().unwrap();
    segment.flip(last.offset + 50);
    let store = open(&place.store());
    assert_eq!(names(&store), [0, 1]);
    set(&store, "2", "content of 2");
    drop(store);
    assert_eq!(names(&open(&place.store())), [0, 1, 2]);
}

#[test]
fn frames_replaced_by_zeros_are_damage_not_the_end() {
    let place = Place::new();
    logged(&place.store(), 10);
    let segment = &mut used_segments(&place.store())[0];
    let frame = segment.batches()[4];
    segment.zero(frame);
    assert_eq!(corrupted(&place.store(), &segment.path), frame.offset as u64);
}

#[test]
fn a_segment_cut_short_is_damage() {
    const COUNT: usize = 10;
    let place = Place::new();
    logged(&place.store(), COUNT);
    let segment = &used_segments(&place.store())[0];
    let frames = segment.batches();
    let lens = [0, 10, 4096, frames[0].offset + 20, frames[5].offset, frames[5].offset + 9, frames[9].offset + 1];
    for len in lens {
        fs::write(&segment.path, &segment.bytes[..len]).unwrap();
        match Store::open(options(&place.store())) {
            Err(Error::Corrupted { .. }) => {}
            Err(error) => panic!("cut to {len}: {error}"),
            Ok(store) => panic!("cut to {len}, and opened with {:?}", names(&store)),
        }
        segment.write();
    }
    assert_eq!(names(&open(&place.store())), Vec::from_iter(0..COUNT));
}

#[test]
fn an_unreadable_header_is_damage() {
    let place = Place::new();
    logged(&place.store(), 3);
    let segment = &mut used_segments(&place.store())[0];
    segment.flip(20);
    // One copy of the header is enough.
    drop(Store::open(options(&place.store()).open_timeout(std::time::Duration::ZERO)).unwrap());

    logged(&place.store(), 3);
    let segment = &mut used_segments(&place.store())[0];
    segment.flip(20);
    segment.flip(2048 + 20);
    corrupted(&place.store(), &place.store().canonicalize().unwrap().join("log"));
}

/// A store whose log goes over several segments, none of them covered by a checkpoint.
fn rolled(path: &Path) -> usize {
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

#[test]
fn a_missing_segment_is_damage_wherever_in_the_log_it_was() {
    let place = Place::new();
    let count = rolled(&place.store());
    let used = used_segments(&place.store());
    assert!(used.len() >= 3, "the log has only {} segments", used.len());
    for segment in &used {
        let is_last = segment.frames().last().unwrap().kind != CONTINUED;
        fs::remove_file(&segment.path).unwrap();
        let error = Store::open(options(&place.store())).unwrap_err();
        assert_eq!(error.code(), sessile::ErrorCode::Corrupted, "last: {is_last}");
        let number = segment.number.to_string();
        assert!(error.to_string().contains(&number) && error.to_string().contains("log"), "{error}");
        segment.write();
    }
    assert_eq!(names(&open(&place.store())), Vec::from_iter(0..count));
}

#[test]
fn damage_in_an_earlier_segment_is_told_by_a_later_one() {
    let place = Place::new();
    rolled(&place.store());
    let mut used = used_segments(&place.store());
    let segment = &mut used[0];
    // The last batch of a segment: only its successor knows that it was durable.
    let frames = segment.frames();
    let continued = *frames.iter().find(|frame| frame.kind == CONTINUED).unwrap();
    let last = *frames.iter().rfind(|frame| frame.kind == BATCH).unwrap();
    segment.zero(continued);
    segment.zero(last);
    assert_eq!(corrupted(&place.store(), &segment.path), last.offset as u64);
}

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
    let (mut refused, mut errors, mut gone) = (0, 0, 0);
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
                        Ok(None) => gone += 1,
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
    eprintln!("{refused} opens refused; {errors} reads failed, {gone} sessions were not found");
    assert!(refused > 0 && errors > 0, "the test missed its point");
}

/// Changes the base's records by its own means.
fn edit_base(path: &Path, edit: impl FnOnce(&mut redb::Table<'_, &'static [u8], &'static [u8]>)) {
    let database = Database::open(path.join("base.redb")).unwrap();
    let mut transaction = database.begin_write().unwrap();
    transaction.set_quick_repair(true);
    edit(&mut transaction.open_table(SESSIONS).unwrap());
    transaction.commit().unwrap();
}

fn record(path: &Path, name: &str) -> Vec<u8> {
    let database = Database::open(path.join("base.redb")).unwrap();
    let table = database.begin_read().unwrap().open_table(SESSIONS).unwrap();
    table.get(name.as_bytes()).unwrap().unwrap().value().to_vec()
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

#[test]
fn a_newer_base_is_refused_with_both_formats() {
    let place = Place::new();
    based(&place.store(), 3);
    {
        let database = Database::open(place.store().join("base.redb")).unwrap();
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

#[test]
fn random_damage_to_the_log_never_shows_another_content_and_never_panics() {
    const COUNT: usize = 20;
    let place = Place::new();
    let sound = place.path().join("sound");
    logged(&sound, COUNT);
    let seed = seed("DAMAGE_SEED");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..60 {
        let path = place.path().join(format!("{round}"));
        copy(&sound, &path);
        let mut segment = used_segments(&path).remove(0);
        let end = segment.frames().last().map(|frame| frame.offset + frame.len).unwrap();
        let file = segment.path.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(4096..end);
            match random.u32(..3) {
                0 => segment.bytes[at] ^= 1 << random.u32(..8),
                1 => segment.bytes[at..(at + 512).min(end)].fill(0),
                _ => segment.bytes[at..(at + 16).min(end)].fill(random.u8(..)),
            }
        }
        fs::write(&file, &segment.bytes).unwrap();
        let is_strict = random.bool();
        let opened = if is_strict { Store::open(options(&path)) } else { Ok(salvage(&path).0) };
        match opened {
            Err(Error::Corrupted { file: named, .. }) => assert_eq!(named, file),
            Err(error) => panic!("round {round}: {error}"),
            Ok(store) => {
                // Strictly, nothing but a tail that nothing vouches for may be missing.
                let names = names(&store);
                assert!(!is_strict || names == Vec::from_iter(0..names.len()), "round {round}: {names:?}");
                set(&store, "0", "content of 0");
                store.close().unwrap();
            }
        }
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn leftovers_of_a_creation_that_a_crash_stopped_are_no_damage() {
    let place = Place::new();
    logged(&place.store(), 3);
    let log = place.store().join("log");
    let highest = segments(&place.store()).last().unwrap().number;
    fs::write(log.join(format!("{:08}.log", highest + 1)), "").unwrap();
    fs::write(log.join(format!("{:08}.log", highest + 2)), vec![0; 10_000]).unwrap();
    fs::write(place.store().join("base.redb.new"), "half a base").unwrap();
    let store = open(&place.store());
    assert_eq!(names(&store), [0, 1, 2]);
    drop(store);
    assert_eq!(names(&open(&place.store())), [0, 1, 2]);
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
