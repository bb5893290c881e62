//! The operations on an owner's sessions.

use napi::bindgen_prelude::{Env, External, Unknown};
use napi_derive::napi;
use sessile::{Owner, Store};

use crate::answer::{Answer, answer};
use crate::failure::Failure;
use crate::id;
use crate::queue::Outcome;
use crate::store::Handle;

impl Handle {
    /// Runs an operation on an owner's sessions on a thread of its own; nobody has none.
    fn spawn_of(
        &self,
        env: &Env,
        owner: &Unknown<'_>,
        request: u32,
        work: impl FnOnce(&Store, &Owner) -> Result<Outcome, Failure> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let Some(owner) = id::owner(env, owner)? else { return Ok(Answer::Missing) };
        self.spawn(env, request, move |store| work(store, &owner))
    }
}

/// Reads the living sessions of `owner`.
#[napi]
pub(crate) fn sessions_of<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    owner: Unknown<'_>,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.spawn_of(env, &owner, request, |store, owner| Ok(Outcome::Owned(store.sessions_of(owner)?))))
}

/// Counts the living sessions of `owner`.
#[napi]
pub(crate) fn count_of<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    owner: Unknown<'_>,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.spawn_of(env, &owner, request, |store, owner| Ok(Outcome::Count(store.count_of(owner)?))))
}

/// Removes the sessions of `owner` but for `except`, where that is one, and says how many.
#[napi]
pub(crate) fn destroy_all_of<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    owner: Unknown<'_>,
    except: Unknown<'_>,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let except = id::known(env, &except);
        handle.spawn_of(env, &owner, request, move |store, owner| {
            Ok(Outcome::Count(store.destroy_all_of(owner, except.as_ref())?))
        })
    })
}

/// Removes the oldest sessions of `owner` until `count_max` are left, `keep` among them, and says how many.
#[napi]
pub(crate) fn keep_newest_of<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    owner: Unknown<'_>,
    keep: Unknown<'_>,
    count_max: u32,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
        let keep = id::known(env, &keep);
        handle.spawn_of(env, &owner, request, move |store, owner| {
            Ok(Outcome::Count(store.keep_newest_of(owner, count_max, keep.as_ref())?))
        })
    })
}
