//! Whatever one part of one file is turned into, what is read is right, or an error that names that file.
//!
//! The failures guarded against: a page of the base leads a lookup to "there is none", and a session that was
//! acknowledged is gone without a word; an older state of something passes for the present one, and a session that was
//! destroyed is back.
//!
//! `make test` tries a sample, `make damage-full` every sector and block and every place where a file can end, and of
//! changed bits and bytes one in `DAMAGE_ONE_IN`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use sessile_tests::damage::{Damage, Image, closed, killed_at_rest, killed_at_work};
use sessile_tests::seed::seed;

/// How many damages of each kind and file a sample has.
const SAMPLE: usize = 24;

fn kind(damage: &Damage) -> &'static str {
    match damage {
        Damage::Bit(_) => "a bit",
        Damage::Byte(_) => "a byte",
        Damage::Zeros(_, 512) => "a sector of zeros",
        Damage::Zeros(..) => "a block of zeros",
        Damage::Garbage(_, 512) => "a garbled sector",
        Damage::Garbage(..) => "a garbled block",
        Damage::Cut(_) => "a cut",
        Damage::Missing => "a missing file",
    }
}

/// Whether all damage is tried and no sample; of changed bits and bytes one in this many.
fn everything() -> Option<u64> {
    let one_in = std::env::var("SESSILE_DAMAGE_FULL").ok()?;
    Some(one_in.parse().expect("SESSILE_DAMAGE_FULL has to be a number"))
}

/// All damage to a store, or of each kind and file `sample` at random.
fn damages(image: &Image, sample: Option<usize>, random: &mut fastrand::Rng) -> Vec<(PathBuf, Damage)> {
    let mut all = Vec::new();
    for file in image.files() {
        let mut damages = image.damages(&file);
        if let Some(one_in) = everything() {
            let is_small = |damage: &Damage| matches!(damage, Damage::Bit(_) | Damage::Byte(_));
            damages.retain(|damage| !is_small(damage) || random.u64(..one_in) == 0);
        }
        if let Some(sample) = sample {
            random.shuffle(&mut damages);
            let mut taken = BTreeMap::new();
            damages.retain(|damage| {
                let taken: &mut usize = taken.entry(kind(damage)).or_default();
                *taken += 1;
                *taken <= sample
            });
        }
        all.extend(damages.into_iter().map(|damage| (file.clone(), damage)));
    }
    all
}

/// Tries each on two threads. Returns how many there were, and what they counted together.
fn try_each(
    image: &Image,
    damages: &[(PathBuf, Damage)],
    attempt: impl Fn(&PathBuf, &Damage) -> Result<usize, String> + Sync,
) -> (usize, usize) {
    let (next, reported) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (failures, failed) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (attempt, next, reported, failures) = (&attempt, &next, &reported, failures.clone());
            scope.spawn(move || {
                while let Some((file, damage)) = damages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match attempt(file, damage) {
                        Ok(count) => drop(reported.fetch_add(count, Ordering::Relaxed)),
                        Err(reason) => drop(failures.send(format!("{damage:?} of {}: {reason}", file.display()))),
                    }
                }
            });
        }
    });
    drop(failures);
    let failed: Vec<String> = failed.into_iter().collect();
    let few = failed.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{}: {} of {} are wrong:\n{few}", image.name, failed.len(), damages.len());
    (damages.len(), reported.into_inner())
}

fn is_right_or_an_error(image: &Image) {
    let mut random = fastrand::Rng::with_seed(seed(image.name));
    let sample = everything().is_none().then_some(SAMPLE);
    let mut kinds: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (file, damage) in damages(image, sample, &mut random) {
        kinds.entry(kind(&damage)).or_default().push((file, damage));
    }
    let mut reported = 0;
    for (kind, damages) in kinds {
        let attempt = |file: &PathBuf, damage: &Damage| image.try_damage(file, damage).map(usize::from);
        let (count, of_kind) = try_each(image, &damages, attempt);
        println!("{}: {count} times {kind}, {of_kind} reported, the others without effect", image.name);
        reported += of_kind;
    }
    assert!(reported > 0, "the test missed its point");
}

#[test]
fn damage_to_a_closed_store_is_reported_or_without_effect() {
    is_right_or_an_error(&closed());
}

#[test]
fn damage_to_a_store_killed_at_rest_is_reported_or_without_effect() {
    is_right_or_an_error(&killed_at_rest());
}

/// But for its very last batch, which then looks like one that a power loss tore.
#[test]
fn damage_to_a_store_killed_at_work_is_reported_or_without_effect() {
    is_right_or_an_error(&killed_at_work());
}

#[test]
fn a_salvage_of_any_damaged_store_loses_only_what_it_lists() {
    for image in [closed(), killed_at_rest()] {
        let mut random = fastrand::Rng::with_seed(seed(image.name));
        let damages = damages(&image, Some(if everything().is_some() { 400 } else { 3 }), &mut random);
        let (count, lost) = try_each(&image, &damages, |file, damage| image.try_salvage(file, damage));
        println!("{}: {count} salvages, which lost {lost} sessions and listed them", image.name);
    }
}
