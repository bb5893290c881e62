//! A checkpoint that needs a damaged block drops nothing to go on: it fails, and says so once.
//!
//! The failure guarded against: a damaged page rewritten with a valid checksum, and what it hid gone without a word.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use sessile::{Durability, Error, Event};
use sessile_tests::world::{PATH, World, small_options};

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
        match world.store().set(&sessile_tests::world::id(&name), vec![7; 20_000], Some(expires_at)) {
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
    assert!(world.store().get(&sessile_tests::world::id("3")).unwrap().is_some(), "reads go on");
}
