//! Damage to the log is noticed and located.
//!
//! What a crash can leave is never taken for damage, and what no crash can leave is never taken for the end
//! of the log.

mod real;

use std::fs;

use real::damage::{corrupted, logged, names, rolled, salvage};
use real::segments::{BATCH, CONTINUED, MARK, segments, used_segments};
use real::{Place, copy, open, options, seed, set};
use sessile::{Error, Store};

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
