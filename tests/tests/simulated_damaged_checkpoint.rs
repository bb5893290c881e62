//! A checkpoint that needs a damaged block drops nothing to go on: it fails, and says so once.
//!
//! The failure guarded against: a damaged page rewritten with a valid checksum, and what it hid gone without a word.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use sessile::{Durability, Error, Event};
use sessile_tests::disk::Loss;
use sessile_tests::world::{PATH, World, id, small_options};

const HOUR: u64 = 3_600_000;

#[test]
fn a_checkpoint_that_needs_a_damaged_block_fails_until_writes_do_and_tells_of_it_once() {
    let mut world = World::new(small_options(Durability::Fsync), Durability::Fsync);
    for number in 0..20 {
        world.set(&format!("{number}"), 500, 24 * HOUR);
    }
    world.set("large", 6000, 24 * HOUR);
    world.checkpoint();
    let payload = world.get("large").unwrap().payload;
    let base = Path::new(PATH).join("base.redb");
    world.kill();
    let content = world.disk.content(&base);
    let at = content.windows(300).position(|window| *window == payload[4500..4800]).unwrap() as u64;
    world.disk.damage(&base, at, &[0xAB; 8]);
    world.open_unchecked().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told);
    let _subscription = world.store().subscribe(move |event| {
        if let Event::BackgroundError(error) = event {
            noted.lock().push(error.clone());
        }
    });
    let damage_told = || told.lock().iter().filter(|error| matches!(error, Error::Corrupted { .. })).count();
    let mut refused = None;
    for number in 0.. {
        // The damaged session, which a checkpoint replaces, and others.
        let expires_at = world.in_millis(24 * HOUR);
        let name = if number == 0 { "large".to_owned() } else { format!("new {number}") };
        match world.store().set(&id(&name), vec![7; 20_000], Some(expires_at)) {
            Ok(_) => {}
            Err(Error::Overloaded { .. }) => {}
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
        world.pass(100);
        world.settle();
        if number == 150 {
            assert!(world.store().stats().checkpoint_failures > 1);
            assert_eq!(damage_told(), 1, "{:?}", told.lock());
        }
        assert!(number < 2000, "writes go on for ever");
    }
    let refused = refused.unwrap();
    assert!(
        matches!(&refused, Error::Corrupted { file, offset, .. } if *file == base && *offset == at / 4096 * 4096),
        "{refused}"
    );
    for _ in 0..50 {
        world.pass(100);
        world.settle();
    }
    assert!(world.store().stats().checkpoint_failures > 3);
    // By the checkpoint once, and once more when the log was full and writes began to fail.
    assert_eq!(damage_told(), 2, "{:?}", told.lock());
    assert!(world.store().get(&id("3")).unwrap().is_some(), "reads go on");
}

/// A damaged page of the index, say, which no read of a session needs.
#[test]
fn whatever_block_is_damaged_a_checkpoint_commits_what_was_acknowledged_or_leaves_it_in_the_log() {
    const BLOCK_BYTES: usize = 4096;
    let mut world = World::new(small_options(Durability::Fsync).dirty_bytes(8 << 20), Durability::Fsync);
    for number in 0..60 {
        world.set(&format!("{number}"), 500, 24 * HOUR);
    }
    world.checkpoint();
    world.close_without_checkpoint();
    let path = Path::new(PATH).join("base.redb");
    let (moment, content) = (world.disk.moment(), world.disk.content(&path));
    let (mut committed, mut failed) = (0, 0);
    for (block, bytes) in content.chunks(BLOCK_BYTES).enumerate() {
        if bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        let mut damaged = world.after(&moment, moment.after_kill());
        damaged.disk.damage(&path, (block * BLOCK_BYTES) as u64, &[!bytes[0], !bytes[1]]);
        if damaged.open_unchecked().is_err() {
            continue;
        }
        let store = damaged.store();
        let expires_at = Some(damaged.in_millis(HOUR));
        // Twice as much as the segments that a checkpoint sets free, so that they are used again.
        for round in 0..2 {
            for number in 50..70 {
                drop(store.set(&id(&format!("{number}")), vec![number + round; 50_000], expires_at).unwrap());
                damaged.settle();
            }
            drop(store.destroy(&id("0")).unwrap());
            damaged.simulation().ask_checkpoint();
            damaged.settle();
        }
        let failures = store.stats().checkpoint_failures;
        drop(store);
        damaged.kill();
        damaged.disk = damaged.disk.moment().after_power_loss(Loss::Everything, 0);
        match damaged.open_unchecked() {
            Ok(()) => {}
            Err(Error::Corrupted { file, .. }) if file == path && failures > 0 => {}
            Err(error) => panic!("block {block}, {failures} failures: {error}"),
        }
        if failures > 0 {
            failed += 1
        } else {
            committed += 1
        }
        for number in 50..70 {
            match damaged.store().get(&id(&format!("{number}"))) {
                Ok(Some(session)) => assert_eq!(*session.payload, vec![number + 1; 50_000], "block {block}"),
                Err(Error::Corrupted { .. }) if failures > 0 => {}
                Ok(None) => panic!("block {block}, {failures} failures: {number} is missing"),
                Err(error) => panic!("block {block}, {failures} failures: {number}: {error}"),
            }
        }
        let destroyed = damaged.store().get(&id("0"));
        assert!(matches!(destroyed, Ok(None) | Err(_)), "block {block}: what was destroyed is {destroyed:?}");
    }
    println!("{committed} checkpoints, and {failed} that failed");
    assert!(committed > 0 && failed > 0, "the test missed its point");
}
