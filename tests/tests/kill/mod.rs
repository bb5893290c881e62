//! A writer that is killed while it is known to be in the midst of something, and what the store has to have then.

pub mod aim;
pub mod backups;
pub mod history;
pub mod operations;
pub mod patient;
pub mod phase;
pub mod stage;
pub mod tally;
pub mod writer;
