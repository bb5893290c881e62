//! The scrub finds damage before anybody asks for what it took, a check finds all of it, and neither takes what a crash
//! left for damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sessile::{Durability, Error, Event, Options};
use sessile_tests::disk::{Action, Loss};
use sessile_tests::seed::seed;
use sessile_tests::world::{PATH, World, small_options};

const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;

fn base() -> PathBuf {
    Path::new(PATH).join("base.redb")
}

fn options() -> Options {
    small_options(Durability::Fsync).scrub_interval(Duration::from_secs(60))
}

/// A store whose base has some sessions, and where in the base's file the content of one of them is.
fn stored(options: Options) -> (World, u64) {
    let mut world = World::new(options, Durability::Fsync);
    for number in 0..20 {
        world.set(&format!("{number}"), 500, 24 * HOUR);
    }
    world.set("large", 6000, 24 * HOUR);
    world.checkpoint();
    let payload = world.get("large").unwrap().payload;
    let content = world.disk.content(&base());
    let at = content.windows(300).position(|window| *window == payload[4500..4800]).unwrap();
    (world, at as u64)
}

/// Steps the store as its thread does, ten times a second.
fn live(world: &mut World, millis: u64) {
    for _ in 0..millis / 100 {
        world.pass(100);
        world.settle();
    }
}

type Told = Arc<Mutex<Vec<(PathBuf, u64)>>>;

/// The damage that the store has told of.
fn told(world: &World) -> (Told, sessile::Subscription) {
    let told = Told::default();
    let noted = Arc::clone(&told);
    let subscription = world.store().subscribe(move |event| {
        if let Event::BackgroundError(Error::Corrupted { file, offset, .. }) = event {
            noted.lock().push((file.clone(), *offset));
        }
    });
    (told, subscription)
}

#[test]
fn damage_to_the_base_is_told_once_in_each_pass() {
    let (mut world, at) = stored(options());
    let (told, _subscription) = told(&world);
    live(&mut world, 63_000);
    let stats = world.store().stats();
    assert_eq!((stats.scrub_passes, stats.scrub_damaged), (1, 0));
    assert!(stats.scrub_bytes > 1 << 20, "all of the file: {}", stats.scrub_bytes);
    world.disk.damage(&base(), at, &[0xAB; 8]);
    for passes in 2..4 {
        live(&mut world, 60_000);
        let stats = world.store().stats();
        assert_eq!((stats.scrub_passes, stats.scrub_damaged), (passes, 1));
        assert_eq!(told.lock().len() as u64, passes - 1);
    }
    assert!(told.lock().iter().all(|(file, offset)| *file == base() && *offset == at / 4096 * 4096), "{told:?}");
}

#[test]
fn a_scrub_that_is_off_reads_nothing() {
    for (interval, reads_something) in [(Duration::ZERO, false), (Duration::from_secs(60), true)] {
        let (mut world, _) = stored(options().scrub_interval(interval));
        live(&mut world, 1000);
        let reads = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&reads);
        world.disk.fail_when(move |event| {
            if event.action == Action::Read && event.path == base() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            None
        });
        live(&mut world, 2 * MINUTE);
        assert_eq!(reads.load(Ordering::Relaxed) > 0, reads_something, "every {interval:?}");
        assert_eq!(world.store().stats().scrub_passes > 0, reads_something);
    }
}

#[test]
fn a_scrub_reads_no_faster_than_it_may() {
    let rate = 256 * 1024;
    let (mut world, _) = stored(options().scrub_bytes_per_second(rate));
    let (mut before, mut most) = (0, 0);
    for _ in 0..70 {
        live(&mut world, 1000);
        let bytes = world.store().stats().scrub_bytes;
        most = most.max(bytes - before);
        before = bytes;
    }
    assert!(most > rate / 2 && most <= rate, "{most} bytes in a second");
}

#[test]
fn a_check_of_a_store_in_use_finds_damage_to_base_and_log() {
    let (mut world, at) = stored(options());
    let before = world.disk.events();
    world.set("in the log", 300, HOUR);
    world.commit();
    assert_eq!(world.store().check().unwrap().damage, []);
    let trace = world.disk.trace_after(before);
    let frame = trace.iter().find(|event| event.is_on_log(Action::Write) && event.offset >= 4096).unwrap();
    world.disk.damage(&frame.path, frame.offset + 100, &[0xAB; 4]);
    world.disk.damage(&base(), at, &[0xAB; 8]);
    let damage = world.store().check().unwrap().damage;
    let places: Vec<_> = damage.iter().map(|damage| (damage.file.clone(), damage.offset)).collect();
    assert!(places.contains(&(base(), at / 4096 * 4096)), "{damage:?}");
    assert!(places.contains(&(frame.path.clone(), frame.offset)), "{damage:?}");
}

/// A commit that a power loss stopped leaves blocks that do not match their checksums. Nothing leads there.
#[test]
fn what_a_power_loss_leaves_is_no_damage() {
    let seed = seed("what_a_power_loss_leaves_is_no_damage");
    let (mut world, _) = stored(options());
    let before = world.disk.events();
    for number in 10..30 {
        world.set(&format!("{number}"), 700, 24 * HOUR);
    }
    world.checkpoint();
    let moments: Vec<_> = world.disk.moments().into_iter().filter(|moment| moment.events >= before).collect();
    let mut with_leftovers = 0;
    for (round, moment) in (0..).zip(moments.iter().step_by(2)) {
        let mut crashed = world.after(moment, moment.after_power_loss(Loss::Some, seed ^ round));
        crashed.open_unchecked().unwrap();
        let report = crashed.store().check().unwrap();
        assert_eq!(report.damage, [], "after event {}", moment.events);
        let (told, _subscription) = told(&crashed);
        live(&mut crashed, 62_000);
        let stats = crashed.store().stats();
        assert_eq!((stats.scrub_passes, stats.scrub_damaged), (1, 0), "after event {}", moment.events);
        assert_eq!(*told.lock(), []);
        with_leftovers += 1;
    }
    assert!(with_leftovers > 5, "the test missed its point");
}
