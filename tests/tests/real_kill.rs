//! A store that is killed, at any moment of its life, keeps what it acknowledged.
//!
//! A writer process sets, touches, destroys and clears sessions from several threads, and says of each operation when
//! it was acknowledged, never before. It is killed in a known phase: while it creates, opens, replays, writes, clears,
//! checkpoints, reaps, copies or closes the store. Two of three times it stands still at one operation on the disk,
//! before, in the midst of, or behind it, when the kill comes; otherwise the kill comes at some moment of the phase.
//! Recoveries are killed too, also those of a recovery that was killed, and sometimes a second writer, before the store
//! is opened here and compared with what the writers did. Operations come from a seed, so the parent knows them all
//! without being told, also those that were never acknowledged.
//!
//! What counts as acknowledged: under `fsync` and `write`, all that the writer told of. Under `async`, what it told of
//! before a `sync` returned, and what it told of half a second before the end, and as much earlier as the disk held the
//! committer up: 10 ms are promised, the rest is for a machine that has other threads to run. The age of the oldest
//! acknowledged write that was lost is printed.
//!
//! `KILL_ROUNDS` says how many kills there are in all and `KILL_SEED` replays a run; at which operations it stands
//! still is drawn from the seed too, but what the other threads do meanwhile is up to the machine.

mod kill;
mod real;

use fastrand::Rng;
use kill::patient::Patient;
use kill::phase::Phase;
use kill::writer;
use real::process::role;
use real::seed;
use sessile::Durability;

/// How many kills there are in all, where nothing else is said.
const KILLS: u64 = 90;
const DURABILITIES: u64 = 3;

#[test]
fn acknowledged_under_fsync_survives_kill() {
    let patient = kill_in_every_phase(Durability::Fsync);
    assert_eq!(patient.lost, None);
}

#[test]
fn acknowledged_under_write_survives_kill() {
    let patient = kill_in_every_phase(Durability::Write);
    assert_eq!(patient.lost, None);
}

#[test]
fn acknowledged_under_async_survives_kill_once_it_is_synced_or_old_enough() {
    let patient = kill_in_every_phase(Durability::Async);
    match patient.lost {
        Some(age) => eprintln!(
            "the oldest acknowledged write that was lost was {} ms old, beyond what the disk took",
            age.as_millis()
        ),
        None => eprintln!("no acknowledged write was lost"),
    }
}

#[test]
#[ignore = "the writer that the other tests kill"]
fn writer() {
    let Some(arguments) = role() else { return };
    writer::run(&arguments);
}

fn kills() -> u64 {
    std::env::var("KILL_ROUNDS").map_or(KILLS, |kills| kills.parse().unwrap()).div_ceil(DURABILITIES)
}

fn kill_in_every_phase(durability: Durability) -> Patient {
    let seed = seed("KILL_SEED");
    let mut random = Rng::with_seed(seed ^ durability as u64);
    let mut patient = Patient::new(durability);
    let mut phases = Phase::ALL.into_iter().cycle();
    // Each phase is met at least once, however few kills are asked for.
    while patient.tally.kills() < kills() || Phase::ALL.iter().any(|phase| patient.tally.hits(*phase) == 0) {
        let phase = phases.next().unwrap();
        if patient.tally.kills() >= kills() && patient.tally.hits(phase) > 0 {
            continue;
        }
        eprintln!("{phase} under {durability:?}, after {} kills", patient.tally.kills());
        patient.round(phase, &mut random);
        assert!(patient.tally.kills() < kills() + 200, "some phase is never met:\n{}", patient.tally);
    }
    eprintln!("{durability:?}\n{}", patient.tally);
    patient.tally.check();
    patient
}
