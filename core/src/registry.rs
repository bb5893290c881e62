//! Who has which store open in this process.
//!
//! All openers of one directory share one engine, worker threads included; the last to close closes it.
//! Another copy of this library in the same process does not share and gets `Locked`, since the lock
//! belongs to the open file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::lock::Mutex;

use crate::clock::SystemClock;
use crate::damage::Damage;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::recovery::{self, Surroundings, prepare_directory};
use crate::sync::{LazyLock, force};
use crate::table::ShardHasher;
use crate::threads;

type Slots = HashMap<PathBuf, Arc<Mutex<Slot>>>;

static SLOTS: LazyLock<Mutex<Slots>> = LazyLock::new(Mutex::default);

/// The engine of one directory, while somebody has it open.
#[derive(Default)]
struct Slot {
    engine: Option<Arc<Engine>>,
    handles: usize,
}

/// A place in the registry; given back with [`Registration::release`].
pub(crate) struct Registration {
    pub(crate) engine: Arc<Engine>,
    slot: Arc<Mutex<Slot>>,
}

/// Opens a store, or joins those in this process who have it open.
///
/// # Errors
/// [`Error::OptionsConflict`], or whatever opening fails with.
pub(crate) fn open(options: Options, salvage: bool) -> Result<(Registration, Vec<Damage>)> {
    let (storage, clock) = (Arc::new(Disk), Arc::new(SystemClock::default()));
    let surroundings = Surroundings { storage, clock, hasher: ShardHasher::random() };
    open_in(&surroundings, options, salvage)
}

/// The same on another storage, or at another time. Who joins a store that is open gets that one's.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_in(
    surroundings: &Surroundings,
    options: Options,
    salvage: bool,
) -> Result<(Registration, Vec<Damage>)> {
    options.check()?;
    let path = prepare_directory(surroundings.storage.as_ref(), &options.path)?;
    let slot = Arc::clone(force(&SLOTS).lock().entry(path.clone()).or_default());
    let mut place = slot.lock();
    // After a fork the parent's engine is still in the table, without its threads.
    if let Some(engine) = place.engine.as_ref().filter(|engine| !engine.is_forked()) {
        if salvage {
            return Err(Error::Locked { path });
        }
        if let Some(option) = engine.options.conflict(&options) {
            return Err(Error::OptionsConflict { path, option });
        }
        let engine = Arc::clone(engine);
        place.handles += 1;
        drop(place);
        return Ok((Registration { engine, slot }, Vec::new()));
    }
    let opened = recovery::open(options, path.clone(), surroundings, salvage)
        .and_then(|(engine, dropped)| threads::start(&engine).map(|()| (engine, dropped)));
    match opened {
        Ok((engine, dropped)) => {
            // A forked parent's engine is leaked on purpose: ending it here would end the parent's.
            std::mem::forget(place.engine.replace(Arc::clone(&engine)));
            place.handles = 1;
            drop(place);
            Ok((Registration { engine, slot }, dropped))
        }
        Err(error) => {
            drop(place);
            forget(&path, &slot);
            Err(error)
        }
    }
}

impl Registration {
    /// Gives the place back. The last one to do so shuts the engine down, with a checkpoint if asked.
    pub(crate) fn release(&self, checkpoint: bool) -> Result<()> {
        let last = {
            let mut place = self.slot.lock();
            if place.engine.as_ref().is_none_or(|engine| !Arc::ptr_eq(engine, &self.engine)) {
                None
            } else {
                place.handles = place.handles.saturating_sub(1);
                if place.handles == 0 { place.engine.take() } else { None }
            }
        };
        let Some(engine) = last else { return Ok(()) };
        let result = engine.shut_down(checkpoint);
        forget(&engine.path, &self.slot);
        result
    }
}

/// Removes a slot that nobody uses, so that opening many paths one after another keeps nothing. One that is
/// locked is being opened, perhaps for long: whoever does that forgets it, and no other opening waits for it.
fn forget(path: &PathBuf, slot: &Arc<Mutex<Slot>>) {
    let mut slots = force(&SLOTS).lock();
    let unused = slot.try_lock().is_some_and(|place| place.engine.is_none()) && Arc::strong_count(slot) <= 2;
    if unused && slots.get(path).is_some_and(|other| Arc::ptr_eq(other, slot)) {
        slots.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_being_opened_is_neither_waited_for_nor_forgotten() {
        let path = PathBuf::from("a path of this test");
        let slot = Arc::clone(force(&SLOTS).lock().entry(path.clone()).or_default());
        let opening = slot.lock();
        let (sender, forgotten) = crossbeam_channel::bounded(1);
        let (for_thread, path_for_thread) = (Arc::clone(&slot), path.clone());
        std::thread::spawn(move || {
            forget(&path_for_thread, &for_thread);
            drop(for_thread);
            sender.send(()).unwrap();
        });
        let waited = forgotten.recv_timeout(std::time::Duration::from_secs(20)).is_err();
        drop(opening);
        assert!(!waited, "it waited for the opening, and all others for it");
        assert!(force(&SLOTS).lock().contains_key(&path));
        forget(&path, &slot);
        assert!(!force(&SLOTS).lock().contains_key(&path));
    }
}
