//! Images: the directories of real stores, each as one small file.
//!
//! An image has the wall clock's time, the ids that were ever used, and the files: path, length, and what is in them
//! as runs, each a repeated byte or bytes as they are. Numbers are as in [`crate::format`].

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sessile::Timestamp;
use sessile::simulation::{Kind, Storage};
use sessile_tests::disk::{Moment, SimulatedDisk};

use crate::format::{put_number, take_number};
use crate::inputs;

/// The images by name, in the order of their numbers. A name goes to the end.
pub const NAMES: [&str; 6] = ["closed", "crashed", "rolled", "recovered", "cleared", "torn"];

/// The images.
pub static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| NAMES.iter().map(|name| Image::load(name)).collect());

/// Where the base is.
pub const BASE: &str = "/sessions/base.redb";
const SECTOR_BYTES: usize = 512;
/// A repeated byte is worth a run of its own from here on.
const RUN_MIN: usize = 16;

/// The directory of a store.
pub struct Image {
    /// When it was left.
    pub now: Timestamp,
    /// Every id that a session had.
    pub ids: Vec<String>,
    /// The sectors of each file that are not all zeros.
    sectors: Vec<(PathBuf, Vec<usize>)>,
    moment: Moment,
}

impl Image {
    fn load(name: &str) -> Self {
        let path = path(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
        Self::decode(&bytes).unwrap_or_else(|| panic!("{} is no image", path.display()))
    }

    /// A disk with the image on it.
    #[must_use]
    pub fn disk(&self) -> SimulatedDisk {
        self.moment.after_kill()
    }

    /// A byte of a file, by any number; where something is, if the file is as it was.
    #[must_use]
    pub fn place(&self, path: &Path, len: u64, number: u32) -> u64 {
        let sectors = self.sectors.iter().find(|(known, _)| known == path).map(|(_, sectors)| sectors);
        let place = match sectors.filter(|sectors| !sectors.is_empty()) {
            Some(sectors) => {
                let number = number as usize;
                sectors[number / SECTOR_BYTES % sectors.len()] * SECTOR_BYTES + number % SECTOR_BYTES
            }
            None => number as usize,
        };
        place as u64 % len.max(1)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let now = Timestamp::from_millis(reader.number()?);
        let ids = (0..reader.number()?).map(|_| reader.text()).collect::<Option<_>>()?;
        let disk = SimulatedDisk::default();
        let mut sectors = Vec::new();
        for _ in 0..reader.number()? {
            let path = PathBuf::from(reader.text()?);
            let content = reader.content()?;
            create(&disk, &path, &content);
            let in_use = content.chunks(SECTOR_BYTES).enumerate();
            let in_use = in_use.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0)).map(|(sector, _)| sector);
            sectors.push((path, in_use.collect()));
        }
        Some(Self { now, ids, sectors, moment: disk.moment() })
    }
}

fn path(name: &str) -> PathBuf {
    inputs::directory().join("images").join(format!("{name}.image"))
}

/// Writes an image of the files on `disk`.
///
/// # Panics
/// Where it cannot be written.
pub fn save(name: &str, now: Timestamp, ids: &[String], disk: &SimulatedDisk) {
    let mut bytes = Vec::new();
    put_number(now.as_millis(), &mut bytes);
    put_number(ids.len() as u64, &mut bytes);
    for id in ids {
        put_bytes(id.as_bytes(), &mut bytes);
    }
    let files = files(disk);
    put_number(files.len() as u64, &mut bytes);
    for file in files {
        put_bytes(file.to_str().expect("a path of ours").as_bytes(), &mut bytes);
        put_content(&disk.content(&file), &mut bytes);
    }
    std::fs::create_dir_all(inputs::directory().join("images")).expect("a directory for images");
    std::fs::write(path(name), bytes).expect("an image that can be written");
}

/// Every file of a disk, in order.
#[must_use]
pub fn files(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![PathBuf::from("/")]);
    while let Some(directory) = directories.pop() {
        for name in disk.list(&directory).expect("a directory") {
            let path = directory.join(name);
            match disk.kind(&path) {
                Ok(Some(Kind::Directory)) => directories.push(path),
                _ => files.push(path),
            }
        }
    }
    files.sort();
    files
}

/// Creates a file with its directories, durably.
pub(crate) fn create(disk: &SimulatedDisk, path: &Path, content: &[u8]) {
    let mut directories: Vec<&Path> = path.ancestors().skip(1).collect();
    directories.reverse();
    for directory in &directories {
        drop(disk.create_dir(directory));
    }
    let file = disk.create(path).expect("a new file");
    file.write_at(0, content).and_then(|()| file.sync_data()).expect("a disk without faults");
    for directory in directories {
        disk.sync_dir(directory).expect("a disk without faults");
    }
}

fn put_bytes(part: &[u8], bytes: &mut Vec<u8>) {
    put_number(part.len() as u64, bytes);
    bytes.extend(part);
}

fn put_content(content: &[u8], bytes: &mut Vec<u8>) {
    put_number(content.len() as u64, bytes);
    let (mut at, mut plain) = (0, 0);
    while at < content.len() {
        let run = content[at..].iter().take_while(|byte| **byte == content[at]).count();
        if run < RUN_MIN {
            at += run;
            continue;
        }
        put_bytes(&content[plain..at], bytes);
        put_number(run as u64, bytes);
        bytes.push(content[at]);
        at += run;
        plain = at;
    }
    put_bytes(&content[plain..], bytes);
    put_number(0, bytes);
    bytes.push(0);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = take_number(self.0)?;
        self.0 = rest;
        Some(number)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        self.take(usize::try_from(len).ok()?)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn content(&mut self) -> Option<Vec<u8>> {
        let len = usize::try_from(self.number()?).ok()?;
        let mut content = Vec::new();
        loop {
            content.extend(self.bytes()?);
            let run = usize::try_from(self.number()?).ok()?;
            let byte = self.take(1)?[0];
            if run == 0 {
                return (content.len() == len).then_some(content);
            }
            content.resize(content.len() + run, byte);
        }
    }
}
