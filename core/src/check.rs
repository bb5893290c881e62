//! Verifying a store on demand: every block of the base, every record, the index, the log.
//!
//! It is done on the caller's thread, in small pieces, and nothing is held between them that a request waits for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::IndexKey;
use crate::damage::Damage;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::session::SessionId;

/// What a check went through, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// Records read from the base.
    pub sessions: u64,
    /// Bytes of the base's file that were verified.
    pub base_bytes: u64,
    /// Bytes of the log that were verified.
    pub log_bytes: u64,
    /// All damage that was found; empty: the store is sound.
    pub damage: Vec<Damage>,
}

const BLOCKS_AT_ONCE: u64 = 256;
const RECORDS_AT_ONCE: usize = 256;

/// Verifies everything.
pub(crate) fn check(engine: &Engine) -> Result<CheckReport> {
    let mut check = Check { engine, report: CheckReport::default(), known: BTreeSet::new() };
    check.blocks()?;
    check.records()?;
    check.index()?;
    check.log()?;
    Ok(check.report)
}

struct Check<'a> {
    engine: &'a Engine,
    report: CheckReport,
    /// Places that are reported.
    known: BTreeSet<(PathBuf, u64)>,
}

impl Check<'_> {
    /// Takes damage into the report, once for each place and session. Any other error ends the check.
    fn found(&mut self, id: Option<&SessionId>, error: Error) -> Result<()> {
        let damage = Damage::of(error, id.cloned())?;
        if self.known.insert((damage.file.clone(), damage.offset)) || id.is_some() || damage.offset == 0 {
            self.report.damage.push(damage);
        }
        Ok(())
    }

    fn check_open(&self) -> Result<()> {
        self.engine.health.check_open()
    }

    fn blocks(&mut self) -> Result<()> {
        let mut block = 0;
        loop {
            self.check_open()?;
            let verified = match self.engine.base.verify(block..block + BLOCKS_AT_ONCE) {
                Ok(verified) => verified,
                Err(error) => return self.found(None, error),
            };
            self.report.base_bytes += verified.bytes;
            for error in verified.damaged {
                self.found(None, error)?;
            }
            if !verified.more {
                return Ok(());
            }
            block += BLOCKS_AT_ONCE;
        }
    }

    fn records(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            self.check_open()?;
            match self.engine.base.check_records(after.as_ref(), RECORDS_AT_ONCE) {
                Ok(page) => {
                    self.report.sessions += page.records;
                    for (id, error) in page.damaged {
                        self.found(Some(&id), error)?;
                    }
                    if page.last.is_none() {
                        return Ok(());
                    }
                    after = page.last;
                }
                Err(error @ Error::Corrupted { .. }) => {
                    self.found(None, error)?;
                    return self.behind_damage(after.as_ref());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds each session that cannot be read, where the records cannot be walked through.
    fn behind_damage(&mut self, after: Option<&SessionId>) -> Result<()> {
        let survey = self.engine.base.ids();
        for error in survey.damage {
            self.found(None, error)?;
        }
        for id in survey.ids.iter().filter(|id| after.is_none_or(|after| *id > after)) {
            self.check_open()?;
            match self.engine.base.get(id).and_then(Option::transpose) {
                Ok(Some(_)) => self.report.sessions += 1,
                Ok(None) => {}
                Err(error) => self.found(Some(id), error)?,
            }
        }
        Ok(())
    }

    fn index(&mut self) -> Result<()> {
        let mut after: Option<IndexKey> = None;
        loop {
            self.check_open()?;
            match self.engine.base.index_page(after.as_ref(), RECORDS_AT_ONCE) {
                Ok(entries) if entries.is_empty() => return Ok(()),
                Ok(mut entries) => after = entries.pop(),
                Err(error) => return self.found(None, error),
            }
        }
    }

    fn log(&mut self) -> Result<()> {
        for segment in self.engine.log.written() {
            self.check_open()?;
            match segment.verify(&self.engine.log) {
                Ok(bytes) => self.report.log_bytes += bytes,
                Err(error) => self.found(None, error)?,
            }
        }
        Ok(())
    }
}
