//! What happened in random histories, to see that they are about something.

use std::ops::AddAssign;

/// How often each thing happened.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Histories that were gone through.
    pub histories: u64,
    /// Things they did, settling and looking included.
    pub operations: u64,
    /// Ends of the process without a word.
    pub kills: u64,
    /// Losses of power.
    pub power_losses: u64,
    /// Orderly ends.
    pub closes: u64,
    /// Openings with other options than before.
    pub other_options: u64,
    /// Openings as a salvage.
    pub salvages: u64,
    /// Backups that were opened.
    pub backups: u64,
    /// Jumps of the wall clock.
    pub jumps: u64,
    /// Operations of the disk that failed.
    pub faults: u64,
    /// Stores that a failure of the log ended.
    pub poisoned: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Checkpoints that left sessions to the log although nothing was written meanwhile.
    pub of_older_half: u64,
    /// Checkpoints that failed.
    pub failed_checkpoints: u64,
    /// Calls that were refused.
    pub refused: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.histories += other.histories;
        self.operations += other.operations;
        self.kills += other.kills;
        self.power_losses += other.power_losses;
        self.closes += other.closes;
        self.other_options += other.other_options;
        self.salvages += other.salvages;
        self.backups += other.backups;
        self.jumps += other.jumps;
        self.faults += other.faults;
        self.poisoned += other.poisoned;
        self.checkpoints += other.checkpoints;
        self.of_older_half += other.of_older_half;
        self.failed_checkpoints += other.failed_checkpoints;
        self.refused += other.refused;
    }
}
