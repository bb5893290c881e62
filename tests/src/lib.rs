//! What the proofs share: a disk and a clock that a test commands, a model of what a store may hold, and a
//! world that drives a store step by step on all three.

pub mod clock;
mod content;
mod directory;
pub mod disk;
mod event;
pub mod faulty;
pub mod model;
pub mod proof;
pub mod seed;
mod state;
pub mod world;
