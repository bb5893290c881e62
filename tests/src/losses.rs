//! Which of the disks that a power loss may leave are tried.
//!
//! Where few changes are pending, every set of them that may be kept. Else all and none, each alone, all but
//! each, and those up to each. Each write also torn: at every byte where it is short, else at its ends, at the
//! bounds of sectors and in between; with the others lost, kept, and lost from there on. What is left is too
//! many to count, and some of it is drawn.

use std::collections::HashSet;

use fastrand::Rng;

use crate::fate::{Fate, Fates, Pending};

/// How many disks of a moment are tried.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Up to this many changes, all sets of them are.
    pub changes_max: usize,
    /// Up to this many changes are lost or kept alone each; of more, this many of them.
    pub alone_max: usize,
    /// Writes of up to this many bytes are torn at every byte.
    pub bytes_max: usize,
    /// Places at which longer ones are torn.
    pub tears: usize,
    /// Disks drawn at random.
    pub draws: usize,
}

/// The fates to try for the pending changes of a moment; the first loses everything, the last but for draws keeps it.
#[must_use]
pub fn losses(pending: &[Pending], effort: &Effort, seed: u64) -> Vec<Fates> {
    let mut random = Rng::with_seed(seed);
    let count = pending.len();
    let mut tried = Vec::new();
    let kept = |is_kept: &dyn Fn(usize) -> bool| -> Vec<Fate> {
        (0..count).map(|place| if is_kept(place) { Fate::Kept } else { Fate::Lost }).collect()
    };
    tried.push(kept(&|_| false));
    if count <= effort.changes_max {
        tried.extend((1..(1_u64 << count) - 1).map(|set| kept(&|place| set >> place & 1 == 1)));
    } else {
        for place in some_of(count, effort.alone_max, &mut random) {
            tried.push(kept(&|other| other == place));
            tried.push(kept(&|other| other != place));
            tried.push(kept(&|other| other < place));
        }
    }
    tried.push(kept(&|_| true));
    for (place, pending) in pending.iter().enumerate() {
        let Pending::Bytes(len) = pending else { continue };
        for at in places(*len, effort, &mut random) {
            for fate in [Fate::Front(at), Fate::Back(at)] {
                // The others: those before it kept; and any of three ways in turn.
                let ways: [Vec<Fate>; 3] = [kept(&|other| other < place), kept(&|_| false), kept(&|_| true)];
                let both = if count > 1 && effort.changes_max > 0 { vec![0, random.usize(1..3)] } else { vec![0] };
                for way in both {
                    let mut fates = ways[way].clone();
                    fates[place] = fate;
                    tried.push(fates);
                }
            }
        }
    }
    if count > 0 {
        tried.extend(
            (0..effort.draws).map(|_| pending.iter().map(|pending| Fate::any(*pending, &mut random)).collect()),
        );
    }
    let mut seen = HashSet::new();
    tried.into_iter().map(Fates).filter(|fates| seen.insert(fates.clone())).collect()
}

/// Numbers below `count`: all, or as many as are wanted.
fn some_of(count: usize, wanted: usize, random: &mut Rng) -> Vec<usize> {
    if count <= wanted { (0..count).collect() } else { random.choose_multiple(0..count, wanted) }
}

/// Where a write is torn.
fn places(len: usize, effort: &Effort, random: &mut Rng) -> Vec<usize> {
    if len <= effort.bytes_max {
        return (1..len).collect();
    }
    let special = [1, len - 1, 512, 2048, len / 2].into_iter().filter(|at| *at < len);
    let mut places: Vec<usize> = special.chain(std::iter::repeat_with(|| random.usize(1..len)).take(3)).collect();
    random.shuffle(&mut places);
    places.truncate(effort.tears);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFORT: Effort = Effort { changes_max: 4, alone_max: 8, bytes_max: 8, tears: 2, draws: 3 };

    #[test]
    fn few_changes_are_lost_and_kept_in_every_way() {
        let tried = losses(&[Pending::Whole; 4], &EFFORT, 1);
        assert!(tried.len() >= 16);
        let all: HashSet<_> = tried.iter().map(ToString::to_string).collect();
        assert_eq!(all.len(), 16);
    }

    #[test]
    fn a_short_write_is_torn_at_every_byte() {
        let tried: Vec<_> = losses(&[Pending::Bytes(8)], &EFFORT, 1).iter().map(ToString::to_string).collect();
        for at in 1..8 {
            assert!(tried.contains(&format!("f{at}")) && tried.contains(&format!("b{at}")));
        }
    }

    #[test]
    fn fates_can_be_read_again() {
        for fates in losses(&[Pending::Whole, Pending::Bytes(700), Pending::Bytes(3), Pending::Whole], &EFFORT, 7) {
            assert_eq!(fates.to_string().parse(), Ok(fates));
        }
    }
}
