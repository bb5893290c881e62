//! A file of the simulated disk as the store sees it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use sessile::simulation::StorageFile;

use crate::bytes::PAGE_BYTES;
use crate::disk::{Inner, SimulatedDisk};
use crate::event::{Action, Event, Fault};
use crate::state::ROOT;

const PAGE: u64 = PAGE_BYTES as u64;

pub(crate) struct SimulatedFile {
    disk: SimulatedDisk,
    node: usize,
    path: PathBuf,
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SimulatedFile({})", self.path.display())
    }
}

impl SimulatedFile {
    pub(crate) const fn new(disk: SimulatedDisk, node: usize, path: PathBuf) -> Self {
        Self { disk, node, path }
    }

    /// How many of these bytes, which are to be written, the disk has room for.
    fn fitting(&self, inner: &Inner, offset: u64, len: u64) -> io::Result<u64> {
        let Some(capacity_bytes) = inner.capacity_bytes else { return Ok(len) };
        let cached = &inner.state.file(self.node)?.cached;
        let free = capacity_bytes.saturating_sub(inner.state.used(ROOT));
        if cached.untaken(offset, len) <= free {
            return Ok(len);
        }
        // As much as fits, in whole blocks, as the operating system does it.
        let mut fitting = 0;
        loop {
            let next = ((offset + fitting) / PAGE + 1) * PAGE - offset;
            if next >= len || cached.untaken(offset, next) > free {
                return Ok(fitting);
            }
            fitting = next;
        }
    }
}

impl StorageFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.look(|state| Ok(state.file(self.node)?.cached.len()))
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let event = {
            let mut inner = self.disk.0.lock();
            let event = Event {
                number: inner.events,
                action: Action::Read,
                path: self.path.clone(),
                offset,
                len: bytes.len() as u64,
            };
            inner.check_power()?;
            SimulatedDisk::fault(&mut inner, &event)?;
            inner.state.file(self.node)?.cached.read(offset, bytes)?;
            event
        };
        self.disk.call_hook(&event);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let len = bytes.len() as u64;
        self.disk.change(Action::Write, &self.path, (offset, len), |inner, fault| {
            let fitting = self.fitting(inner, offset, len)?;
            let file = inner.state.file_mut(self.node)?;
            if fitting < len {
                if fitting > 0 {
                    file.write(offset, &bytes[..fitting as usize]);
                }
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            if fault.is_some() {
                file.write(offset, &bytes[..bytes.len() / 2]);
                return Err(io::Error::other("only half was written"));
            }
            file.write(offset, bytes);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change(Action::SetLen, &self.path, (len, 0), |inner, _| {
            inner.state.file_mut(self.node)?.set_len(len);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change(Action::Sync, &self.path, (0, 0), |inner, fault| {
            let mut random = inner.random.fork();
            let file = inner.state.file_mut(self.node)?;
            match fault {
                None => file.sync(),
                Some(fault) => {
                    file.fail_sync(&mut random);
                    let kind = if let Fault::Error(kind) = fault { kind } else { io::ErrorKind::Other };
                    return Err(io::Error::from(kind));
                }
            }
            Ok(())
        })
    }
}
