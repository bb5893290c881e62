//! Seeds: what a run of a target begins with, from stores that were made by calling them.
//!
//! They are files of the repository. Writing them again makes other ones, since segments have random salts; images
//! that are written again give another meaning to the inputs of the `image` target that were found with the old ones.

mod stores;

use std::path::PathBuf;

use fastrand::Rng;

use crate::format::{self, FRAMES_AT, put_number, u32_at, u64_at};
use crate::image::files::{IMAGES, Image, NAMES, files};
use crate::{inputs, log, records};

/// Writes the images.
///
/// # Panics
/// Where a file cannot be written.
pub fn write_images() {
    stores::save_all();
}

/// Writes the seeds of all targets, from the images.
///
/// # Panics
/// Where a file cannot be written.
pub fn write_seeds() {
    for (image, name) in IMAGES.iter().zip(NAMES) {
        put("log", name, &log_seed(image));
        for (number, operation) in operations(image).into_iter().enumerate().take(6) {
            put("records", &format!("operation-{name}-{number}"), &[&[records::OPERATION], &*operation].concat());
        }
    }
    let meta = format::meta_record([7, 7, 2, 16_777_217, 16_777_300, 16_777_216]);
    put("records", "meta", &[&[records::META], &meta[4..]].concat());
    put("records", "whole-meta", &[&[records::WHOLE_META], &*meta].concat());
    let body = record_body();
    put("records", "record", &[&[records::RECORD, 2], b"abc".as_slice(), &body].concat());
    let record = format::sealed_record(b"abc", &body);
    put("records", "whole-record", &[&[records::WHOLE_RECORD, 2], b"abc".as_slice(), &record].concat());

    // A few of each kind of choice, the same each time.
    let mut random = Rng::with_seed(1);
    for (image, name) in NAMES.iter().enumerate() {
        put("image", name, &[image as u8]);
        for edit in 0..EDITS {
            let mut input = vec![image as u8];
            put_choice(edit, EDITS, 12, &mut random, &mut input);
            put("image", &format!("{name}-{edit}"), &input);
        }
    }
    for number in 0..12_u8 {
        let mut input = vec![number % 3 + if number < 6 { 0 } else { 128 }];
        for _ in 0..60 {
            let step = if random.bool() { 0 } else { random.u32(..STEPS) };
            put_choice(step, STEPS, 4, &mut random, &mut input);
        }
        put("history", &format!("{number:02}"), &input);
    }
    for number in 0..8 {
        // Options, two stores, and whatever.
        let mut input = [choice(0, CALLS).as_slice(), &[0, 0]].concat();
        for slot in 0..2 {
            input.extend([choice(3, CALLS).as_slice(), &[0, slot, 0]].concat());
        }
        for _ in 0..40 {
            put_choice(random.u32(..CALLS), CALLS, 5, &mut random, &mut input);
        }
        put("calls", &format!("{number:02}"), &input);
        put("calls", &format!("conversation-{number}"), &conversation(number));
    }
}

/// Calls whose handles and ids fit each other: sessions are stored, read, also by a callback, and walked over,
/// and read again when they and their store are gone.
fn conversation(number: u8) -> Vec<u8> {
    let mut input = Vec::new();
    let mut put = |index, fields: &[u8]| {
        input.extend(choice(index, CALLS));
        input.extend(fields);
    };
    put(OPTIONS_NEW, &[0, 0]);
    put(OPEN, &[0, 0, 0]);
    for id in 0..3 {
        put(SET, &[0, id, 30 * number, id, LATE]);
        put(GET, &[0, id, id]);
    }
    put(SET_ASYNC, &[0, number, 100, 0, LATE, 1]);
    put(TOUCH, &[0, 1, LATE]);
    put(FLUSH, &[0]);
    put(CURSOR_OPEN, &[0, 0]);
    for _ in 0..4 {
        put(CURSOR_NEXT, &[0, 1]);
    }
    put(DESTROY, &[0, 0]);
    put(GET, &[0, 0, 1]);
    put(FREE, &[0]);
    put(SESSION, &[0]);
    put(OPEN, &[0, 0, 0]);
    put(GET, &[0, 2, 0]);
    put(SESSION_FREE, &[0]);
    input
}

/// Calls by their place among the kinds of calls, and an expiry by its place among expiries.
const OPTIONS_NEW: u32 = 0;
const OPEN: u32 = 3;
const FREE: u32 = 6;
const GET: u32 = 8;
const SET: u32 = 9;
const TOUCH: u32 = 10;
const DESTROY: u32 = 11;
const SET_ASYNC: u32 = 14;
const CURSOR_OPEN: u32 = 16;
const CURSOR_NEXT: u32 = 17;
const FLUSH: u32 = 19;
const SESSION: u32 = 24;
const SESSION_FREE: u32 = 25;
const LATE: u8 = 4;

/// How many kinds of edits, steps and calls there are: a seed is no less of one when this is out of date.
const EDITS: u32 = 13;
const STEPS: u32 = 17;
const CALLS: u32 = 31;

/// What `arbitrary` takes for choice `index` of `count`.
fn choice(index: u32, count: u32) -> [u8; 4] {
    ((u64::from(index) << 32).div_ceil(u64::from(count)) as u32).to_le_bytes()
}

fn put_choice(index: u32, count: u32, fields: usize, random: &mut Rng, input: &mut Vec<u8>) {
    input.extend(choice(index, count));
    input.extend((0..fields).map(|_| random.u8(..)));
}

fn put(target: &str, name: &str, input: &[u8]) {
    let directory: PathBuf = inputs::directory().join("seeds").join(target);
    std::fs::create_dir_all(&directory).expect("a directory for seeds");
    std::fs::write(directory.join(name), input).expect("a seed that can be written");
}

/// The segments of an image, in order of number.
fn segments(image: &Image) -> Vec<Vec<u8>> {
    let disk = image.disk();
    let logs = files(&disk).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let mut segments: Vec<_> = logs.map(|path| disk.content(&path)).collect();
    segments.sort_by_key(|segment| u64_at(segment, 16));
    segments
}

/// The first frames of a log, in files no longer than needed.
fn log_seed(image: &Image) -> Vec<u8> {
    let mut segments = segments(image);
    let run = segments.iter().map(|segment| u64_at(segment, 24)).max().unwrap_or(1);
    segments.retain(|segment| u64_at(segment, 24) == run && !whole_frames(segment).is_empty());
    let (mut recovered, mut first_number) = (0, 0);
    let mut written = Vec::new();
    for segment in segments.iter().take(4) {
        let mut frames = Vec::new();
        for (at, len) in whole_frames(segment) {
            let padded = len.next_multiple_of(8);
            if frames.len() + padded > 4080 {
                continue;
            }
            let (kind, first) = (u32_at(segment, at + 12), u64_at(segment, at + 24));
            recovered += u64::from(kind == 2);
            if kind == 1 && first_number == 0 {
                first_number = first;
            }
            frames.extend(&segment[at..(at + padded).min(segment.len())]);
        }
        let pages = 1 + frames.len().div_ceil(4096) as u8;
        let mut header = segment[..48].to_vec();
        header[12..16].copy_from_slice(&u32::from(pages).to_le_bytes());
        let sixteens = frames.len().div_ceil(16);
        frames.resize(sixteens * 16, 0);
        let all = log::FIRST_COPY | log::SECOND_COPY | log::SEAL_HEADER | log::SEAL_FRAMES;
        written.extend([u64_at(segment, 16) as u8, all, pages, sixteens as u8]);
        written.extend(header);
        written.extend(frames);
    }
    let fields = [run, run, recovered, first_number, 0, 0];
    fields.iter().flat_map(|field: &u64| field.to_le_bytes()).chain(written).collect()
}

/// Where the frames of a segment are that were written for it, and how long.
fn whole_frames(segment: &[u8]) -> Vec<(usize, usize)> {
    let marker = u32_at(segment, 32);
    let whole = format::frames(segment).into_iter().take_while(|at| *at >= FRAMES_AT && u32_at(segment, *at) == marker);
    whole.map(|at| (at, u32_at(segment, at + 8) as usize)).collect()
}

/// The frames' operations as they stand there, the small ones.
fn operations(image: &Image) -> Vec<Vec<u8>> {
    let mut operations = Vec::new();
    for segment in segments(image) {
        for (at, len) in whole_frames(&segment) {
            operations.push(segment[at + format::FRAME_HEADER_BYTES..at + len].to_vec());
        }
    }
    operations.retain(|operation| !operation.is_empty() && operation.len() < 400);
    operations
}

/// Format, created, expires, deadline, version, index, flags; payload.
fn record_body() -> Vec<u8> {
    let mut body = vec![1];
    for number in [1_795_253_275_686, 1_800_000_060_000, 0, 16_777_217, 1_800_000_060_000] {
        put_number(number, &mut body);
    }
    body.push(0);
    body.extend(b"{\"n\":1}");
    body
}
