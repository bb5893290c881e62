//! A store on a disk that gives back something else than was written: every way in which one part of one file can be
//! damaged, and what may be read afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sessile::simulation::{Clock, Simulation, Storage};
use sessile::{Durability, Error, SessionId, Timestamp};

use crate::clock::HandClock;
use crate::disk::{Moment, SimulatedDisk};
use crate::world::{PATH, id, small_options};

/// Damage to one part of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// One bit is another.
    Bit(u64),
    /// Every bit of a byte is another.
    Byte(u64),
    /// So many bytes are zero: a sector or a block.
    Zeros(u64, u64),
    /// Every bit of so many bytes is another.
    Garbage(u64, u64),
    /// The file ends here.
    Cut(u64),
    /// The file's entry, or the directory's with all that is in it, is gone.
    Missing,
}

/// What a store may show: any of these contents, whole.
pub type Content = BTreeMap<String, Vec<u8>>;

/// A store that nobody has open, and what belongs in it.
pub struct Image {
    /// What it is an example of.
    pub name: &'static str,
    moment: Moment,
    now: Timestamp,
    /// The ids that ever were.
    ids: BTreeSet<String>,
    /// The contents it may show; more than one only where a crash left it open which. Those behind the second only
    /// where damage takes more than a byte: several batches may share a sector.
    allowed: Vec<Content>,
}

/// A store being made.
struct Making {
    disk: SimulatedDisk,
    clock: Arc<HandClock>,
    simulation: Simulation,
    ids: BTreeSet<String>,
    content: Content,
    sets: u32,
}

impl Making {
    fn new() -> Self {
        let (disk, clock) = (SimulatedDisk::default(), Arc::new(HandClock::default()));
        let simulation = open(&disk, &clock, false).expect("a new store").0;
        Self { disk, clock, simulation, ids: BTreeSet::new(), content: Content::new(), sets: 0 }
    }

    fn set(&mut self, name: &str, len: usize) {
        self.sets += 1;
        // Which session it is, and which of its contents, is in every part of it.
        let payload: Vec<u8> = format!("{name}/{};", self.sets).into_bytes().into_iter().cycle().take(len).collect();
        let expires_at = self.clock.wall().saturating_add(Duration::from_secs(86_400));
        drop(self.simulation.store().set(&id(name), payload.clone(), Some(expires_at)).expect("a set"));
        self.ids.insert(name.to_owned());
        self.content.insert(name.to_owned(), payload);
    }

    fn destroy(&mut self, name: &str) {
        drop(self.simulation.store().destroy(&id(name)).expect("a destroy"));
        self.content.remove(name);
    }

    fn commit(&self) {
        while self.simulation.step_reader() {}
        self.simulation.step_committer();
        while self.simulation.step_reader() {}
    }

    fn checkpoint(&self) {
        self.simulation.ask_checkpoint();
        self.simulation.settle();
    }

    /// As long as it takes until the store says that everything is on the disk.
    fn rest(&self) {
        self.simulation.settle();
        self.clock.advance(100);
        self.simulation.settle();
    }

    /// Sessions in several leaves of the base, some changed and destroyed again, some only in the log.
    fn fill(&mut self) {
        for number in 0..60 {
            self.set(&format!("session {number:02}"), 100 + number * 7);
        }
        self.set("large", 9000);
        self.checkpoint();
        for number in (0..60).step_by(7) {
            self.destroy(&format!("session {number:02}"));
        }
        self.checkpoint();
        for number in (0..60).step_by(11) {
            self.set(&format!("session {number:02}"), 150);
            self.commit();
        }
        self.destroy("session 02");
        self.commit();
    }

    fn image(self, name: &'static str, allowed: Vec<Content>) -> Image {
        let (moment, now) = (self.disk.moment(), self.clock.wall());
        Image { name, moment, now, ids: self.ids, allowed }
    }
}

type Opened = Result<(Simulation, Vec<sessile::Damage>), Error>;

fn open(disk: &SimulatedDisk, clock: &Arc<HandClock>, salvage: bool) -> Opened {
    let storage = Arc::new(disk.clone());
    let clock: Arc<HandClock> = Arc::clone(clock);
    Simulation::open_with(small_options(Durability::Fsync), storage, clock, salvage)
}

/// A store that was closed: its base has everything.
#[must_use]
pub fn closed() -> Image {
    let mut making = Making::new();
    making.fill();
    making.checkpoint();
    making.rest();
    making.simulation.shut_down();
    let allowed = vec![making.content.clone()];
    making.image("closed", allowed)
}

/// A store whose process was killed when everything was acknowledged and the store had been idle.
#[must_use]
pub fn killed_at_rest() -> Image {
    let mut making = Making::new();
    making.fill();
    making.rest();
    let allowed = vec![making.content.clone()];
    making.image("killed at rest", allowed)
}

/// A store whose process was killed right after an acknowledgement: the only case in which damage can pass for what
/// a crash does, and only damage to that last batch, or to the last ones where they share what is damaged.
#[must_use]
pub fn killed_at_work() -> Image {
    let mut making = Making::new();
    making.fill();
    making.rest();
    let before_both = making.content.clone();
    making.set("last but one", 200);
    making.commit();
    let before = making.content.clone();
    making.set("last", 200);
    making.commit();
    let allowed = vec![making.content.clone(), before, before_both];
    making.image("killed at work", allowed)
}

impl Image {
    /// The files of the store, and its directory of the log.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let disk = self.moment.after_kill();
        let (store, log) = (Path::new(PATH), Path::new(PATH).join("log"));
        let segments = disk.list(&log).expect("a log").into_iter().map(|name| log.join(name));
        [store.join("LOCK"), store.join("base.redb")].into_iter().chain(segments).collect()
    }

    /// All damage of a kind there is to one file: to each of its bytes that ever was written, to each sector and each
    /// block, at each place where it can end.
    #[must_use]
    pub fn damages(&self, file: &Path) -> Vec<Damage> {
        let content = self.moment.after_kill().content(file);
        let len = content.len() as u64;
        let mut damages = vec![Damage::Missing];
        for (unit, at) in
            [512, 4096].into_iter().flat_map(|unit| (0..len).step_by(unit as usize).map(move |at| (unit, at)))
        {
            let end = (at + unit).min(len);
            let is_empty = content[at as usize..end as usize].iter().all(|byte| *byte == 0);
            damages.push(Damage::Garbage(at, end - at));
            if !is_empty {
                damages.push(Damage::Zeros(at, end - at));
            }
            if unit == 4096 {
                damages.extend([Damage::Cut(at), Damage::Cut(at + 1), Damage::Cut(end - 1)]);
                let bytes = if is_empty { at..at + 1 } else { at..end };
                damages.extend(bytes.flat_map(|at| [Damage::Bit(at), Damage::Byte(at)]));
            }
        }
        damages
    }

    fn damaged(&self, file: &Path, damage: &Damage) -> SimulatedDisk {
        let disk = self.moment.after_kill();
        let change = |at: u64, len: u64, change: &dyn Fn(u8) -> u8| {
            let content = disk.content(file);
            let bytes: Vec<u8> = content[at as usize..(at + len) as usize].iter().map(|byte| change(*byte)).collect();
            disk.damage(file, at, &bytes);
        };
        match damage {
            Damage::Bit(at) => change(*at, 1, &|byte| byte ^ (1 << (at * 7 % 8))),
            Damage::Byte(at) => change(*at, 1, &|byte| !byte),
            Damage::Zeros(at, len) => change(*at, *len, &|_| 0),
            Damage::Garbage(at, len) => change(*at, *len, &|byte| !byte),
            Damage::Cut(len) => {
                let file = disk.open(file).expect("a file to cut");
                file.set_len(*len).and_then(|()| file.sync_data()).expect("a file that can be cut");
            }
            Damage::Missing => disk.remove_file(file).expect("a file to remove"),
        }
        disk
    }

    /// Opens the damaged store and reads all of it. Whether the damage was reported.
    ///
    /// # Errors
    /// A sentence that says what was read wrong, or which error does not name the damage.
    pub fn try_damage(&self, file: &Path, damage: &Damage) -> Result<bool, String> {
        let disk = self.damaged(file, damage);
        let clock = Arc::new(HandClock::at(self.now));
        let mut reports = Reports { file, is_reported: false };
        let simulation = match open(&disk, &clock, false) {
            Ok((simulation, _)) => simulation,
            Err(error) => {
                reports.take(&error)?;
                return Ok(true);
            }
        };
        let mut reasons = Vec::new();
        let is_wide = matches!(damage, Damage::Zeros(..) | Damage::Garbage(..));
        for content in self.allowed.iter().take(if is_wide { 3 } else { 2 }) {
            match self.compare(&simulation, content, &mut reports)? {
                None => return Ok(reports.is_reported),
                Some(reason) => reasons.push(reason),
            }
        }
        Err(reasons.swap_remove(0))
    }

    /// The first difference between what is read and what may be there.
    fn compare(
        &self,
        simulation: &Simulation,
        expected: &Content,
        reports: &mut Reports<'_>,
    ) -> Result<Option<String>, String> {
        let store = simulation.store();
        for name in &self.ids {
            match store.get(&id(name)) {
                Err(error) => reports.take(&error)?,
                Ok(found) => {
                    let found = found.as_ref().map(|session| &*session.payload);
                    let expected = expected.get(name).map(Vec::as_slice);
                    if found != expected {
                        return Ok(Some(format!("{name} is {:?}, not {:?}", shown(found), shown(expected))));
                    }
                }
            }
        }
        match store.len() {
            Err(error) => reports.take(&error)?,
            Ok(len) if len != expected.len() as u64 => {
                return Ok(Some(format!("len is {len}, not {}", expected.len())));
            }
            Ok(_) => {}
        }
        let mut scanned = Content::new();
        let mut after: Option<SessionId> = None;
        loop {
            match store.scan(after.as_ref(), 16) {
                Err(error) => {
                    reports.take(&error)?;
                    break;
                }
                Ok(page) => {
                    for (id, session) in page.sessions {
                        scanned.insert(String::from_utf8_lossy(id.as_bytes()).into_owned(), session.payload.to_vec());
                    }
                    after = page.next;
                }
            }
            if after.is_none() {
                let is_right = scanned == *expected;
                return Ok(
                    (!is_right).then(|| format!("a scan shows {} sessions of {}", scanned.len(), expected.len()))
                );
            }
        }
        let is_right = scanned.iter().all(|(name, payload)| expected.get(name) == Some(payload));
        Ok((!is_right).then(|| "a scan that fails shows something else before".to_owned()))
    }

    /// Salvages the damaged store: it opens, and what is missing is listed. How many sessions that are.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn try_salvage(&self, file: &Path, damage: &Damage) -> Result<usize, String> {
        let disk = self.damaged(file, damage);
        let clock = Arc::new(HandClock::at(self.now));
        let (simulation, dropped) = open(&disk, &clock, true).map_err(|error| format!("it fails: {error}"))?;
        let expected = &self.allowed[0];
        let mut missing = Vec::new();
        for name in &self.ids {
            let found = simulation.store().get(&id(name)).map_err(|error| format!("{name}: {error}"))?;
            match (found, expected.get(name)) {
                (None, Some(_)) => missing.push(name),
                (Some(found), _) if !found.payload.starts_with(format!("{name}/").as_bytes()) => {
                    return Err(format!("{name} is {:?}", shown(Some(&found.payload))));
                }
                (Some(found), expected) if dropped.is_empty() && Some(&found.payload.to_vec()) != expected => {
                    return Err(format!("{name} is an older one, and nothing is listed"));
                }
                _ => {}
            }
        }
        if !missing.is_empty() && dropped.is_empty() {
            return Err(format!("{missing:?} are missing, and nothing is listed"));
        }
        // A base that opens tells exactly which sessions it lost.
        let is_listed = |name: &&String| dropped.iter().any(|part| part.id == Some(id(name)));
        let is_whole_base = dropped.iter().any(|part| part.offset == 0 || part.reason.contains("header"))
            || matches!(damage, Damage::Cut(_) | Damage::Missing);
        if file.ends_with("base.redb") && !is_whole_base && !missing.iter().all(is_listed) {
            return Err(format!("{missing:?} are missing, and listed is only {dropped:?}"));
        }
        // And from now on it is as any other store.
        simulation.settle();
        let report = simulation.store().check().map_err(|error| error.to_string())?;
        if report.damage.is_empty() {
            Ok(missing.len())
        } else {
            Err(format!("what was salvaged is damaged: {:?}", report.damage))
        }
    }
}

/// Errors that were met, which have to name what was damaged.
struct Reports<'a> {
    file: &'a Path,
    is_reported: bool,
}

impl Reports<'_> {
    fn take(&mut self, error: &Error) -> Result<(), String> {
        self.is_reported = true;
        match error {
            // What is missing is named by the directory that it is missing from.
            Error::Corrupted { file, .. } if self.file.starts_with(file) => Ok(()),
            error => Err(format!("the error is: {error}")),
        }
    }
}

fn shown(payload: Option<&[u8]>) -> Option<String> {
    payload.map(|payload| String::from_utf8_lossy(&payload[..payload.len().min(24)]).into_owned())
}
