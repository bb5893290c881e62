//! What the seam between store and disk costs: the same operations through it and by the system's calls, in turn.
//!
//! The seam is a `dyn Storage` with `dyn StorageFile`s, so that tests can stand another disk under the store. Both sides
//! use one file, filled with zeros as a log segment is.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sessile::simulation::{Disk, Storage, StorageFile};
use sessile_benches::measure;

const FILE_BYTES: u64 = 16 << 20;
const SIZES: [usize; 2] = [300, 4096];
const RUNS: usize = 31;
const APPENDS_PER_RUN: u64 = 20;
const READS_PER_RUN: u64 = 20_000;

/// A file by both ways.
struct Ways {
    seam: Arc<dyn StorageFile>,
    direct: File,
}

fn main() {
    measure::machine();
    let directory = tempfile::tempdir_in(".").unwrap();
    let path = directory.path().join("file");
    let storage: Arc<dyn Storage> = Arc::new(Disk);
    let ways = Ways {
        seam: filled(storage.as_ref(), &path),
        direct: OpenOptions::new().read(true).write(true).open(&path).unwrap(),
    };
    for size in SIZES {
        compare(&format!("append of {size} B and fdatasync"), APPENDS_PER_RUN, |is_seam, number| {
            append(&ways, is_seam, number, size)
        });
        compare(&format!("read of {size} B"), READS_PER_RUN, |is_seam, number| read(&ways, is_seam, number, size));
    }
}

fn filled(storage: &dyn Storage, path: &Path) -> Arc<dyn StorageFile> {
    let file = storage.create(path).unwrap();
    let zeros = vec![0; 1 << 20];
    for offset in (0..FILE_BYTES).step_by(zeros.len()) {
        file.write_at(offset, &zeros).unwrap();
    }
    file.sync_data().unwrap();
    file
}

/// Where the operation of this number is: each on its own, and all over the file.
fn offset(number: u64, size: usize) -> u64 {
    number * size as u64 % (FILE_BYTES - size as u64)
}

fn append(ways: &Ways, is_seam: bool, number: u64, size: usize) {
    let bytes = [1; 4096];
    let (offset, bytes) = (offset(number, size), &bytes[..size]);
    if is_seam {
        ways.seam.write_at(offset, bytes).unwrap();
        ways.seam.sync_data().unwrap();
    } else {
        ways.direct.write_all_at(bytes, offset).unwrap();
        ways.direct.sync_data().unwrap();
    }
}

fn read(ways: &Ways, is_seam: bool, number: u64, size: usize) {
    let mut bytes = [0; 4096];
    let (offset, bytes) = (offset(number * 7919, size), &mut bytes[..size]);
    if is_seam {
        ways.seam.read_at(offset, bytes).unwrap();
    } else {
        ways.direct.read_exact_at(bytes, offset).unwrap();
    }
    std::hint::black_box(bytes);
}

/// Times both ways in turn, the first of them changing, and prints them with the median of the pairs' ratios.
fn compare(name: &str, per_run: u64, operation: impl Fn(bool, u64)) {
    let mut nanos = [Vec::new(), Vec::new()];
    let mut ratios = Vec::new();
    let mut number = 0;
    for run in 0..RUNS {
        let mut pair = [0.0; 2];
        for way in [run % 2, 1 - run % 2] {
            let began = Instant::now();
            for _ in 0..per_run {
                operation(way == 1, number);
                number += 1;
            }
            pair[way] = began.elapsed().as_nanos() as f64 / per_run as f64;
            nanos[way].push(pair[way]);
        }
        ratios.push(pair[1] / pair[0]);
    }
    measure::print(&format!("{name}, direct"), "ns", &nanos[0]);
    measure::print(&format!("{name}, through the seam"), "ns", &nanos[1]);
    ratios.sort_by(f64::total_cmp);
    let [quarter, middle, rest] = [1, 2, 3].map(|quarters| ratios[RUNS * quarters / 4]);
    println!("  ratio of the pairs: {middle:.3} ({quarter:.3} to {rest:.3} in the middle half)");
}
