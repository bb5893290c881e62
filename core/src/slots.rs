//! The entries of a shard, each at a place where it stays until it is removed.
//!
//! - Ids lead to places, and lists name entries by their places: what changed, what is due and what may be evicted
//!   takes a few bytes for each instead of an id, and no search.
//! - A place that was left is given to another session later. Whoever kept one asks the entry that is there whether it
//!   is what was listed.
//! - Places are made a chunk at a time, and stay for what comes next: more of them move no entry, and there are never
//!   more, but for a chunk, than there once were entries.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::entry::Entry;
use crate::session::SessionId;
use crate::sync::HashState as FastHasher;

/// How many places are made at once.
const CHUNK: usize = 32;

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(usize);

/// A place, and what is there.
#[derive(Debug)]
struct Slot {
    /// `None`: nothing.
    id: Option<SessionId>,
    entry: Entry,
}

impl Slot {
    fn is_of(&self, id: &SessionId) -> bool {
        self.id.as_ref() == Some(id)
    }
}

/// See the module's own lines.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    hasher: FastHasher,
    places: HashTable<Place>,
    chunks: Vec<Box<[Slot]>>,
    /// Places where nothing is.
    vacant: Vec<Place>,
}

impl Slots {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The entry of `id`, if there is one.
    pub(crate) fn get(&self, id: &SessionId) -> Option<&Entry> {
        let (_, entry) = self.at(self.place(id)?)?;
        Some(entry)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, id: &SessionId) -> Option<&mut Entry> {
        let (_, entry) = self.at_mut(self.place(id)?)?;
        Some(entry)
    }

    /// Where the entry of `id` is.
    fn place(&self, id: &SessionId) -> Option<Place> {
        let hash = self.hasher.hash_one(id);
        self.places.find(hash, |place| slot(&self.chunks, *place).is_of(id)).copied()
    }

    /// What is at a place.
    pub(crate) fn at(&self, place: Place) -> Option<(&SessionId, &Entry)> {
        let Slot { id, entry } = self.chunks.get(place.0 / CHUNK)?.get(place.0 % CHUNK)?;
        Some((id.as_ref()?, entry))
    }

    /// The same, to be changed.
    pub(crate) fn at_mut(&mut self, place: Place) -> Option<(&SessionId, &mut Entry)> {
        let Slot { id, entry } = self.chunks.get_mut(place.0 / CHUNK)?.get_mut(place.0 % CHUNK)?;
        Some((id.as_ref()?, entry))
    }

    /// The entry of `id`, made where there is none: its place, whether it was made, and itself.
    pub(crate) fn entry(&mut self, id: &SessionId) -> (Place, bool, &mut Entry) {
        let (place, is_new) = match self.place(id) {
            Some(place) => (place, false),
            None => (self.make(id), true),
        };
        (place, is_new, &mut slot_mut(&mut self.chunks, place).entry)
    }

    fn make(&mut self, id: &SessionId) -> Place {
        let place = self.vacant.pop().unwrap_or_else(|| self.grow());
        slot_mut(&mut self.chunks, place).id = Some(id.clone());
        let Self { hasher, places, chunks, .. } = self;
        // Each place in the map has an id.
        let rehash = |place: &Place| slot(chunks, *place).id.as_ref().map_or(0, |id| hasher.hash_one(id));
        places.insert_unique(hasher.hash_one(id), place, rehash);
        place
    }

    /// Makes a chunk of places, and returns the first.
    fn grow(&mut self) -> Place {
        let first = self.chunks.len() * CHUNK;
        self.chunks.push((0..CHUNK).map(|_| Slot { id: None, entry: Entry::vacant() }).collect());
        self.vacant.extend((first + 1..first + CHUNK).rev().map(Place));
        Place(first)
    }

    /// Removes the entry of `id`, whose place is vacant from now on.
    pub(crate) fn remove(&mut self, id: &SessionId) -> Option<Entry> {
        let hash = self.hasher.hash_one(id);
        let found = self.places.find_entry(hash, |place| slot(&self.chunks, *place).is_of(id));
        let (place, _) = found.ok()?.remove();
        let slot = slot_mut(&mut self.chunks, place);
        slot.id = None;
        self.vacant.push(place);
        Some(std::mem::replace(&mut slot.entry, Entry::vacant()))
    }

    /// All entries, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SessionId, &Entry)> {
        self.chunks.iter().flatten().filter_map(|slot| Some((slot.id.as_ref()?, &slot.entry)))
    }
}

#[expect(clippy::indexing_slicing, reason = "places are made with their chunks, which stay")]
fn slot(chunks: &[Box<[Slot]>], place: Place) -> &Slot {
    &chunks[place.0 / CHUNK][place.0 % CHUNK]
}

#[expect(clippy::indexing_slicing, reason = "places are made with their chunks, which stay")]
fn slot_mut(chunks: &mut [Box<[Slot]>], place: Place) -> &mut Slot {
    &mut chunks[place.0 / CHUNK][place.0 % CHUNK]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn id(number: usize) -> SessionId {
        SessionId::new(format!("session {number}")).unwrap()
    }

    #[test]
    fn entries_are_found_by_id_and_by_place_however_many_come_and_go() {
        let mut slots = Slots::default();
        let mut model = BTreeMap::new();
        let mut random = 1_u64;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = usize::try_from(random >> 40).unwrap() % 500;
            if random >> 63 == 0 {
                let (place, is_new, entry) = slots.entry(&id(number));
                entry.changed = step;
                assert_eq!(model.insert(id(number), (place, step)).is_none(), is_new);
            } else {
                let removed = slots.remove(&id(number)).map(|entry| entry.changed);
                assert_eq!(removed, model.remove(&id(number)).map(|(_, step)| step));
            }
        }
        assert!(model.len() > 100);
        assert_eq!(slots.len(), model.len());
        for (id, (place, step)) in &model {
            assert_eq!((slots.place(id), slots.get(id).unwrap().changed), (Some(*place), *step));
            let (there, entry) = slots.at(*place).unwrap();
            assert_eq!((there, entry.changed), (id, *step));
        }
        let all: BTreeMap<_, _> = slots.iter().map(|(id, entry)| (id.clone(), entry.changed)).collect();
        assert_eq!(all, model.into_iter().map(|(id, (_, step))| (id, step)).collect());
    }

    #[test]
    fn a_place_that_was_left_is_given_again_and_has_nothing_of_the_one_before() {
        let mut slots = Slots::default();
        let (place, _, entry) = slots.entry(&id(1));
        entry.changed = 7;
        entry.listed = true;
        slots.remove(&id(1));
        assert!(slots.at(place).is_none() && slots.at_mut(place).is_none());
        let (again, is_new, entry) = slots.entry(&id(2));
        assert_eq!((again, is_new, entry.changed, entry.listed), (place, true, 0, false));
        assert!(slots.get(&id(1)).is_none());
    }

    #[test]
    fn places_are_taken_up_before_more_are_made() {
        let mut slots = Slots::default();
        for number in 0..CHUNK {
            slots.entry(&id(number));
        }
        for number in 0..CHUNK {
            slots.remove(&id(number));
            slots.entry(&id(CHUNK + number));
        }
        assert_eq!(slots.chunks.len(), 1);
    }
}
