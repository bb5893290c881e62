//! The addon between `node/lib` and the store: it converts, calls the store, and converts back.
//!
//! What it keeps true:
//! - every operation is one call, answered at once where the store can, and otherwise later under the
//!   request number that JavaScript passed in;
//! - nothing here blocks the event loop but [`store::open_now`] and what runs when an environment ends;
//! - no panic crosses into Node ([`guard`]).
//!
//! Exports are functions over handles, not classes: measured, a call of a method of a napi class costs
//! 380 ns before it does anything, a call of a function with a handle 140 ns.

mod answer;
mod batch;
mod damage;
mod failure;
mod guard;
mod id;
mod inbox;
mod listening;
mod options;
mod owned;
mod page;
mod port;
mod queue;
mod raw;
mod slot;
mod store;
