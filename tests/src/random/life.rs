//! What happens to a store now and then in its life: the ends of its process, and the ways to open it again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sessile::Options;
use sessile::simulation::Simulation;

use super::{HOUR, History, Kind};
use crate::disk::Loss;
use crate::model::{Crash, difference};
use crate::world::small_options;

impl History {
    pub(super) fn crash(&mut self, crash: Crash) {
        self.end_process(crash);
        self.open(crash, false);
    }

    fn end_process(&mut self, crash: Crash) {
        self.tally.poisoned += u64::from(self.is_poisoned());
        self.world.kill();
        let moment = self.world.disk.moment();
        self.world.disk = match crash {
            Crash::Kill => moment.after_kill(),
            Crash::PowerLoss => moment.after_power_loss(Loss::of_round(self.random.u64(..4)), self.random.u64(..)),
        };
        self.failing = false;
        match crash {
            Crash::Kill => self.tally.kills += 1,
            Crash::PowerLoss => self.tally.power_losses += 1,
        }
    }

    fn open(&mut self, crash: Crash, salvage: bool) {
        let opened = if salvage {
            self.tally.salvages += 1;
            self.world.open_salvage_unchecked().map(|dropped| assert!(dropped.is_empty(), "it dropped {dropped:?}"))
        } else {
            self.world.open_unchecked()
        };
        opened.unwrap_or_else(|error| panic!("opening failed after a {crash:?}: {error}"));
        let opened = self.world.disk.events();
        let found = self.found(self.world.read_all());
        let now = self.world.now();
        if let Err(reason) = self.world.model.reopened(&found, now, crash, opened) {
            panic!("{reason}");
        }
        // What was there before is judged by what was promised before.
        self.world.model.promise(self.durability);
        (self.unsettled, self.stepped) = (0, false);
    }

    /// Nothing is under way any more, and nothing fails.
    fn calm(&mut self) {
        if self.failing {
            self.heal();
        }
        if self.is_poisoned() {
            self.crash(Crash::Kill);
        }
        self.world.advance(10);
    }

    fn choose_options(&mut self) {
        let mib = 1 << 20;
        self.durability = self.kind.durability(&mut self.random);
        let cache_bytes = self.random.choice([0, 50_000, mib, 64 * mib]).expect("one of them");
        let dirty_bytes = self.random.choice([3 * mib, 8 * mib, 64 * mib]).expect("one of them");
        let log_bytes_max = self.random.choice([4 * mib, 4 * mib, 5 * mib, 8 * mib]).expect("one of them");
        self.ttl_millis = self.random.u64(HOUR..2 * HOUR);
        let options = small_options(self.durability)
            .cache_bytes(cache_bytes)
            .dirty_bytes(dirty_bytes)
            .log_bytes_max(log_bytes_max)
            .ttl(Duration::from_millis(self.ttl_millis));
        self.world.reopen_with(options);
        self.world.callers_write = self.random.bool();
        self.tally.other_options += 1;
    }

    /// The wall clock is set, while the store is closed.
    fn jump_closed(&mut self) {
        let minutes = self.random.u64(2..60);
        // Into the past only where nothing has been reaped that would live again.
        let back = self.kind != Kind::Touches && self.random.bool();
        let by_millis = (minutes * 60_000).cast_signed();
        self.world.jump_closed(if back { -by_millis } else { by_millis });
        self.tally.jumps += 1;
    }

    /// The wall clock is set ahead. Until it is opened again the store has to believe it.
    fn jump_ahead(&mut self) {
        let by_millis = self.random.u64(2..60) * 60_000;
        self.world.jump_ahead(by_millis);
        self.tally.jumps += 1;
    }

    fn close_and_open(&mut self) {
        self.calm();
        if self.random.bool() {
            self.world.checkpoint();
        }
        let expected = self.world.model.living(self.world.now());
        self.world.close();
        self.tally.closes += 1;
        if self.random.bool() {
            self.choose_options();
        }
        let salvage = self.random.u8(..4) == 0;
        self.open(Crash::Kill, salvage);
        if let Some(difference) = difference(&expected, &self.found(self.world.read_all())) {
            panic!("after an orderly end: {difference}");
        }
    }

    /// A backup has everything, and is a store of its own.
    fn back_up(&mut self) {
        self.calm();
        self.world.checkpoint();
        self.tally.backups += 1;
        let path = PathBuf::from(format!("/backup-{}", self.tally.backups));
        self.world.simulation().backup(&path).unwrap_or_else(|error| panic!("a backup failed: {error}"));
        let options = Options::new(&path).log_bytes_max(4 << 20).payload_bytes_max(1 << 20);
        let copy = Simulation::open(options, Arc::new(self.world.disk.clone()), self.world.clock.clone());
        let copy = copy.unwrap_or_else(|error| panic!("a backup cannot be opened: {error}"));
        let found = self.found(self.world.read_all_of(copy.store()));
        self.compare(&found, "what the backup has");
    }

    /// Something that happens to a store now and then in its life.
    pub(super) fn turn(&mut self) {
        match self.random.u8(..6) {
            0 => self.close_and_open(),
            1 => self.back_up(),
            2 => {
                let crash = if self.random.bool() { Crash::Kill } else { Crash::PowerLoss };
                self.end_process(crash);
                self.choose_options();
                self.open(crash, false);
            }
            3 => {
                self.end_process(Crash::Kill);
                self.open(Crash::Kill, true);
            }
            4 => {
                self.end_process(Crash::Kill);
                self.jump_closed();
                self.open(Crash::Kill, false);
            }
            _ => self.jump_ahead(),
        }
    }
}
