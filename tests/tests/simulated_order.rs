//! The log has the operations in the order in which the table saw them, whoever calls them at the same time.
//!
//! The failure guarded against: two threads write the same session, readers see one of the two, and after a
//! restart it is the other.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use sessile::Durability;
use sessile_tests::seed::depth;
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;
const WRITERS: usize = 3;
const IDS: usize = 6000;
/// Writers start together again after this many sessions, so that they go on meeting at the same ones.
const IDS_PER_MEETING: usize = 20;

#[test]
fn log_order_is_table_order() {
    for life in 0..2 * depth() {
        let options = small_options(Durability::Write).log_bytes_max(64 << 20);
        let mut world = World::new(options, Durability::Write);
        let expires_at = world.in_millis(HOUR);
        let (running, meeting) = (AtomicBool::new(true), Barrier::new(WRITERS));
        std::thread::scope(|scope| {
            let mut writers = Vec::new();
            for writer in 0..WRITERS {
                let (store, meeting) = (world.store(), &meeting);
                writers.push(scope.spawn(move || {
                    for number in 0..IDS {
                        if number % IDS_PER_MEETING == 0 {
                            meeting.wait();
                        }
                        let id = id(&format!("{number}"));
                        if (number + writer).is_multiple_of(11) {
                            drop(store.destroy(&id).unwrap());
                        } else {
                            drop(store.set(&id, writer.to_le_bytes(), Some(expires_at)).unwrap());
                        }
                    }
                }));
            }
            let (simulation, running) = (world.simulation(), &running);
            scope.spawn(move || {
                while running.load(Ordering::Relaxed) {
                    simulation.step_committer();
                    simulation.step_reader();
                }
            });
            for writer in writers {
                writer.join().unwrap();
            }
            running.store(false, Ordering::Relaxed);
        });
        world.settle();
        let seen: Vec<_> = (0..IDS).map(|number| world.store().get(&id(&format!("{number}"))).unwrap()).collect();
        let len = world.store().len().unwrap();
        assert_eq!(len, seen.iter().flatten().count() as u64);
        world.kill();
        world.open_unchecked().unwrap();
        for (number, seen) in seen.iter().enumerate() {
            let found = world.store().get(&id(&format!("{number}"))).unwrap();
            assert_eq!(found.as_ref(), seen.as_ref(), "session {number} of life {life}");
        }
        assert_eq!(world.store().len().unwrap(), len);
    }
}
