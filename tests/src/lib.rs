//! What the proofs share: a disk and a clock that a test commands, a model of what a store may hold, and a
//! world that drives a store step by step on all three.

mod bytes;
pub mod clock;
mod content;
#[cfg(feature = "controlled")]
pub mod controlled;
pub mod damage;
mod directory;
pub mod disk;
mod event;
pub mod explorer;
mod fate;
pub mod faulty;
mod file;
pub mod linearizable;
pub mod losses;
pub mod model;
mod moment;
pub mod mutant;
pub mod proof;
pub mod random;
pub mod seed;
mod state;
mod storage;
pub mod worker;
pub mod workload;
pub mod world;
