//! Changes of the files on a disk: what failing disks and mistaken people do, and what neither does.

use std::path::{Path, PathBuf};

use arbitrary::Arbitrary;
use fastrand::Rng;
use sessile::simulation::Storage;
use sessile_tests::disk::SimulatedDisk;

use super::files::{BASE, Image, create, files};
use crate::blocks;
use crate::format::{change_meta, frames, metas, seal_frame, seal_segment_header};

/// No file is made longer than this.
const FILE_BYTES_MAX: u64 = 4 << 20;
const LOG_DIRECTORY: &str = "/sessions/log";

/// One change. Files and places are any numbers; what they name is taken from what there is.
#[derive(Debug, Clone, Arbitrary)]
pub enum Edit {
    /// One bit is another.
    Flip {
        /// Which file.
        file: u8,
        /// Where.
        place: u32,
        /// Which.
        bit: u8,
    },
    /// Bytes are all the same.
    Fill {
        /// Which file.
        file: u8,
        /// Where.
        place: u32,
        /// How many.
        len: u16,
        /// The byte.
        byte: u8,
    },
    /// Bytes are any.
    Noise {
        /// Which file.
        file: u8,
        /// Where.
        place: u32,
        /// How many.
        len: u16,
        /// What they come from.
        seed: u16,
    },
    /// Sectors went to another place, or came from there.
    Copy {
        /// From which file.
        from: u8,
        /// From where in it.
        from_place: u32,
        /// Into which file.
        to: u8,
        /// Where to.
        to_place: u32,
        /// How many.
        sectors: u8,
    },
    /// The file is cut off, or grows.
    SetLen {
        /// Which file.
        file: u8,
        /// How long it is from now on.
        len: u32,
    },
    /// The file is gone.
    Remove {
        /// Which file.
        file: u8,
    },
    /// There is another file with the same content in the log's directory.
    Duplicate {
        /// Which file.
        file: u8,
        /// Its name there.
        name: u8,
    },
    /// The files have one another's names.
    Exchange {
        /// One.
        one: u8,
        /// Another.
        other: u8,
    },
    /// There is a file of zeros that was not there.
    Add {
        /// Its name.
        name: u8,
        /// Its length, in sectors.
        sectors: u8,
    },
    /// These bytes stand there; in the base, in or next to a session's record, and the block's checksum holds. Not
    /// elsewhere in it: over pages that were changed together with their checksums, which no disk does, redb can panic
    /// a second time while it cleans up after the first, and that ends the process.
    Write {
        /// Which file.
        file: u8,
        /// Where.
        place: u32,
        /// The bytes.
        bytes: [u8; 4],
    },
    /// A byte of a segment's header is another, and the header's checksum holds.
    Header {
        /// Which file.
        file: u8,
        /// Which byte.
        at: u8,
        /// What it is.
        byte: u8,
    },
    /// A byte of a frame is another, and the frame's checksum holds.
    Frame {
        /// Which file.
        file: u8,
        /// Which of its frames.
        number: u8,
        /// Which byte.
        at: u16,
        /// What it is.
        byte: u8,
    },
    /// A number in a meta record is another, and the checksums of the record and its block hold.
    Meta {
        /// Which file.
        file: u8,
        /// Which of the records that were in force at one time.
        number: u8,
        /// Which number.
        field: u8,
        /// What it is, as far as there is room for it.
        value: u64,
    },
}

impl Edit {
    /// Whether it is damage of which no checksum knows.
    #[must_use]
    pub const fn is_of_disks(&self) -> bool {
        !matches!(self, Self::Write { .. } | Self::Header { .. } | Self::Frame { .. } | Self::Meta { .. })
    }

    pub(super) fn apply(&self, disk: &SimulatedDisk, image: &Image) {
        let files = files(disk);
        if files.is_empty() {
            return;
        }
        let target = Target { disk, image, files };
        match self {
            Self::Flip { file, place, bit } => {
                target.change(*file, *place, 1, |bytes| bytes[0] ^= 1 << (bit % 8));
            }
            Self::Fill { file, place, len, byte } => {
                target.change(*file, *place, usize::from(*len), |bytes| bytes.fill(*byte));
            }
            Self::Noise { file, place, len, seed } => {
                let mut random = Rng::with_seed(u64::from(*seed));
                target.change(*file, *place, usize::from(*len), |bytes| random.fill(bytes));
            }
            Self::Copy { from, from_place, to, to_place, sectors } => {
                let len = (usize::from(*sectors) % 16 + 1) * 512;
                let from = target.read(*from, from_place & !511, len);
                target.change(*to, to_place & !511, len, |bytes| {
                    let len = bytes.len().min(from.len());
                    bytes[..len].copy_from_slice(&from[..len]);
                });
            }
            Self::SetLen { file, len } => {
                let path = target.path(*file);
                let file = disk.open(path).expect("a file");
                file.set_len(u64::from(*len) % FILE_BYTES_MAX).expect("a disk without faults");
            }
            Self::Remove { file } => disk.remove_file(target.path(*file)).expect("a file"),
            Self::Duplicate { file, name } => target.put(&log_path(*name), &disk.content(target.path(*file))),
            Self::Exchange { one, other } => {
                let (one, other) = (target.path(*one), target.path(*other));
                let (content, others) = (disk.content(one), disk.content(other));
                target.put(one, &others);
                target.put(other, &content);
            }
            Self::Add { name, sectors } => target.put(&log_path(*name), &vec![0; usize::from(*sectors) * 512]),
            Self::Write { file, place, bytes } if target.path(*file) == Path::new(BASE) => {
                target.rewrite(*file, |base| {
                    let Some(at) = place_in_record(base, &image.ids, *place) else { return };
                    let changed = at..base.len().min(at + bytes.len());
                    base[changed.clone()].copy_from_slice(&bytes[..changed.len()]);
                    blocks::seal(base, changed);
                });
            }
            Self::Write { file, place, bytes } => {
                target.change(*file, *place, bytes.len(), |there| there.copy_from_slice(&bytes[..there.len()]));
            }
            Self::Header { file, at, byte } => target.rewrite(*file, |bytes| {
                for copy in [0, 2048] {
                    if let Some(place) = bytes.get_mut(copy + usize::from(*at) % 44) {
                        *place = *byte;
                        seal_segment_header(bytes, copy);
                    }
                }
            }),
            Self::Frame { file, number, at, byte } => target.rewrite(*file, |bytes| {
                let frames = frames(bytes);
                let Some(frame) = frames.get(usize::from(*number) % frames.len().max(1)) else { return };
                // Behind marker and checksum; in the head more often than in what may be a long payload.
                let at = if at % 2 == 0 { 8 + usize::from(*at / 2) % 32 } else { 40 + usize::from(*at / 2) };
                if let Some(place) = bytes.get_mut(frame + at) {
                    *place = *byte;
                    seal_frame(bytes, *frame);
                }
            }),
            Self::Meta { file, number, field, value } => target.rewrite(*file, |bytes| {
                let metas = metas(bytes);
                let Some(meta) = metas.get(usize::from(*number) % metas.len().max(1)) else { return };
                change_meta(&mut bytes[meta.clone()], usize::from(*field), *value);
                blocks::seal(bytes, meta.clone());
            }),
        }
    }
}

/// The names of the log's files, and some that are none.
fn log_path(name: u8) -> PathBuf {
    Path::new(LOG_DIRECTORY).join(match name {
        255 => format!("{}.log", u64::MAX),
        254 => "unnumbered.log".to_owned(),
        253 => "00000001.tmp".to_owned(),
        number => format!("{:08}.log", number % 32),
    })
}

/// A place in a record of the base, or as near as the numbers before its payload are long.
fn place_in_record(base: &[u8], ids: &[String], place: u32) -> Option<usize> {
    const BEFORE: usize = 24;
    // See `payload`: the id comes first, and ends with a bar.
    let bars = base.iter().enumerate().filter(|(_, byte)| **byte == b'|').map(|(at, _)| at);
    let payloads = bars.filter_map(|bar| {
        let id = ids.iter().find(|id| base[..bar].ends_with(id.as_bytes()))?;
        Some(bar - id.len())
    });
    let payloads: Vec<usize> = payloads.collect();
    let place = place as usize;
    let payload = payloads.get(place / (2 * BEFORE) % payloads.len().max(1))?;
    Some((payload + place % (2 * BEFORE)).saturating_sub(BEFORE))
}

struct Target<'a> {
    disk: &'a SimulatedDisk,
    image: &'a Image,
    files: Vec<PathBuf>,
}

impl Target<'_> {
    fn path(&self, file: u8) -> &Path {
        &self.files[usize::from(file) % self.files.len()]
    }

    /// Up to `len` bytes of a file.
    fn read(&self, file: u8, place: u32, len: usize) -> Vec<u8> {
        let file_path = self.path(file);
        let file = self.disk.open(file_path).expect("a file");
        let end = file.len().expect("a disk without faults");
        let at = self.image.place(file_path, end, place);
        let mut bytes = vec![0; len.min((end - at) as usize)];
        file.read_at(at, &mut bytes).expect("reading within the file");
        bytes
    }

    /// Changes up to `len` bytes of a file.
    fn change(&self, file: u8, place: u32, len: usize, change: impl FnOnce(&mut [u8])) {
        let mut bytes = self.read(file, place, len);
        if bytes.is_empty() {
            return;
        }
        change(&mut bytes);
        let path = self.path(file);
        let file = self.disk.open(path).expect("a file");
        let at = self.image.place(path, file.len().expect("a disk without faults"), place);
        file.write_at(at, &bytes).expect("a disk without faults");
    }

    fn rewrite(&self, file: u8, change: impl FnOnce(&mut [u8])) {
        let path = self.path(file);
        let mut bytes = self.disk.content(path);
        change(&mut bytes);
        self.disk.damage(path, 0, &bytes);
    }

    fn put(&self, path: &Path, content: &[u8]) {
        drop(self.disk.remove_file(path));
        create(self.disk, path, content);
    }
}
