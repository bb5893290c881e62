//! Whose sessions: storing a session with its owner, and finding, counting and removing all of one owner.

use std::mem::MaybeUninit;

#[cfg(test)]
use sessile::Owner;
use sessile::{SetOptions, Timestamp, Version};

use crate::bytes::sessile_bytes;
use crate::handle::{OptionalOutput, Output, prefix};
use crate::status::sessile_status;
use crate::store::{expiry, operate, sessile_store};

/// The longest owner, in bytes.
pub const SESSILE_OWNER_LEN_MAX: usize = 256;

/// What `sessile_store_set_with` is to know besides the payload. Zero is the default of every field: begin with
/// `sessile_set_options set_options = {0};`.
///
/// Later versions may add fields at the end.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sessile_set_options {
    /// When the session expires, in milliseconds since 1970; 0 is the handle's `ttl_ms` from now.
    pub expires_at_ms: u64,
    /// The time that no expiry of the session passes, neither this one nor that of a later set or touch, in
    /// milliseconds since 1970; 0 is none. It is taken from the set that creates the session, or the first that names
    /// one, and stays as long as the session lives.
    pub deadline_ms: u64,
    /// Only where the session has this version, as `sessile_store_set_if`; 0 is in any case.
    pub version: u64,
    /// Whose session it is: up to `SESSILE_OWNER_LEN_MAX` bytes of any value. None: nobody's, also where it was
    /// somebody's before.
    pub owner: sessile_bytes,
}

impl sessile_set_options {
    const NONE: Self = Self { expires_at_ms: 0, deadline_ms: 0, version: 0, owner: sessile_bytes::NONE };

    fn to_options(self) -> Result<SetOptions, sessile::Error> {
        Ok(SetOptions {
            expires_at: expiry(self.expires_at_ms),
            deadline: (self.deadline_ms != 0).then(|| Timestamp::from_millis(self.deadline_ms)),
            owner: if self.owner.len == 0 { None } else { Some(self.owner.to_owner()?) },
            version: (self.version != 0).then(|| Version::new(self.version)),
        })
    }
}

/// `sessile_store_set` with all that can be said of a session.
///
/// `set_options_size` is `sizeof *set_options`: a program that was compiled with an earlier version of this header
/// knows fewer fields. On `SESSILE_STATUS_OK` `*version_out` is the session's new version, and 0 on failure;
/// `version_out` may be NULL.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: also if `set_options` is NULL, its size is none that it ever has, a field that
///   this version does not know is not zero, or the owner is too long.
/// - `SESSILE_STATUS_CONFLICT`, `SESSILE_STATUS_GONE`, `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: with a version,
///   as `sessile_store_set_if`.
/// - The others are those of `sessile_store_set`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_set_with(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    payload: sessile_bytes,
    set_options: *const sessile_set_options,
    set_options_size: usize,
    version_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let version_out = OptionalOutput::clear(version_out);
    operate(store, |store| {
        let options = prefix(set_options, set_options_size, sessile_set_options::NONE, "set_options")?;
        let commit = store.set_with(&id.to_id()?, payload.to_payload()?, options.to_options()?)?;
        if let Some(written) = commit.wait_version()? {
            version_out.put(written.get());
        }
        Ok(())
    })
}

/// Counts the living sessions of `owner`. Blocks on reading from disk what is not in memory.
///
/// As of the call, as the walk that `sessile_cursor_open_of` begins. `*count_out` is 0 on failure.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, or the owner is empty or too long.
/// - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: a session could not be read.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_count_of(
    store: Option<&sessile_store>,
    owner: sessile_bytes,
    count_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let count_out = Output::clear(count_out, "count_out");
    operate(store, |store| {
        count_out?.put(store.count_of(&owner.to_owner()?)?);
        Ok(())
    })
}

/// Removes the sessions of `owner` but for `except`, and blocks until that is acknowledged as the store's durability
/// says: "log out everywhere", or everywhere else. An `except` of no bytes is none.
///
/// Removed are those that there are at the moment of the call: one that comes meanwhile stays, and one that changes
/// hands meanwhile may go as well. One whose record is damaged goes, too. `*destroyed_out` is how many they were, 0 on
/// failure; `destroyed_out` may be NULL. After a failure some may be gone.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, or the owner is empty or too long.
/// - `SESSILE_STATUS_INVALID_ID`: `except` is too long.
/// - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the owner's list, or a session, could not be read.
/// - The others are those of `sessile_store_destroy`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_destroy_all_of(
    store: Option<&sessile_store>,
    owner: sessile_bytes,
    except: sessile_bytes,
    destroyed_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let destroyed_out = OptionalOutput::clear(destroyed_out);
    operate(store, |store| {
        let except = if except.len == 0 { None } else { Some(except.to_id()?) };
        destroyed_out.put(store.destroy_all_of(&owner.to_owner()?, except.as_ref())?);
        Ok(())
    })
}

/// Removes the sessions of `owner` that came into being first until `count_max` are left, `keep` among them, and blocks
/// as `sessile_store_destroy_all_of` does. A `keep` of no bytes is none. A session that cannot be read is left out of
/// account.
///
/// `*destroyed_out` and the statuses are as there.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_keep_newest_of(
    store: Option<&sessile_store>,
    owner: sessile_bytes,
    count_max: usize,
    keep: sessile_bytes,
    destroyed_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let destroyed_out = OptionalOutput::clear(destroyed_out);
    operate(store, |store| {
        let keep = if keep.len == 0 { None } else { Some(keep.to_id()?) };
        destroyed_out.put(store.keep_newest_of(&owner.to_owner()?, count_max, keep.as_ref())?);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_owner_is_the_store_s() {
        assert_eq!(SESSILE_OWNER_LEN_MAX, Owner::LEN_MAX);
    }
}
