//! The C library: what `include/sessile.h` declares.
//!
//! What it keeps true:
//! - an exported function checks its arguments, calls the store, and converts back; it holds no logic of its own;
//! - ownership is in the types: `Option<&T>` is a handle that is lent, `Option<Box<T>>` one that is given back,
//!   `Option<&mut MaybeUninit<T>>` a place for an output, and `None` is C's NULL;
//! - no argument that can be recognised as wrong does anything but return a status ([`handle`]);
//! - no panic crosses into C ([`guard`]).
//!
//! `include/sessile.h` is generated from the documentation here. `make header` writes it.
#![allow(non_camel_case_types, reason = "exported types carry the names that they have in C")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod abi;
pub mod bytes;
pub mod check;
pub mod completion;
pub mod cursor;
mod damage;
pub mod error;
mod fork;
mod guard;
mod handle;
pub mod listener;
pub mod options;
pub mod owner;
pub mod salvage;
pub mod session;
pub mod stats;
pub mod status;
pub mod store;
mod text;
pub mod upkeep;
pub mod version;
